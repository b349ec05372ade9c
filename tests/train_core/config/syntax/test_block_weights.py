"""Strengths by block: lists, presets, the user's own lines, and which block a layer is part of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.config.syntax.block_weights import LABELS, NAMED, label_of, parse_own_lines, parse_strength

# The extension's own lists of its presets, for SD 1.x.
PRESETS = {
    "INS": "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0", "IND": "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "INALL": "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0", "MIDD": "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0",
    "OUTD": "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0", "OUTS": "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1",
    "OUTALL": "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1", "NONE": ",".join("0" * 17), "ALL": ",".join("1" * 17),
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("lora_te_text_model_encoder_layers_0_mlp_fc1", "BASE"), ("lora_unet_conv_in", "IN00"),
        ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q", "IN01"),
        ("lora_unet_down_blocks_0_attentions_1_proj_in", "IN02"),
        ("lora_unet_down_blocks_0_downsamplers_0_conv", "IN03"),
        ("lora_unet_down_blocks_3_resnets_1_conv1", "IN11"), ("lora_unet_mid_block_attentions_0_proj_in", "M00"),
        ("lora_unet_up_blocks_0_resnets_0_conv1", "OUT00"), ("lora_unet_up_blocks_0_upsamplers_0_conv", "OUT02"),
        ("lora_unet_up_blocks_3_attentions_2_proj_out", "OUT11"), ("lora_unet_time_embedding_linear_1", "BASE"),
        ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q", "IN04"),
        ("lora_unet_middle_block_1_proj_in", "M00"), ("lora_unet_output_blocks_8_0_in_layers_2", "OUT08"),
    ],
)
def test_a_layer_is_in_its_block(key: str, label: str) -> None:
    assert label_of(key) == label


@pytest.mark.parametrize("name", NAMED)
def test_presets_are_the_extension_s(name: str) -> None:
    named, listed = (parse_strength(text, "SD 1.x").by_block for text in (name.lower(), PRESETS[name]))
    assert named is not None
    assert listed is not None
    assert {label: named[label] for label in listed} == listed
    assert set(named) == set(LABELS[26])


@pytest.mark.parametrize("name", NAMED)
def test_sdxl_has_every_preset_too(name: str) -> None:
    named = parse_strength(name, "SDXL").by_block
    assert named is not None
    assert set(named) == set(LABELS[20])
    assert sum(named.values()) == {"NONE": 0, "ALL": 20}.get(name, sum(named.values()))


@given(st.floats(-4, 4), st.sampled_from(list(NAMED)))
def test_a_number_and_a_preset_multiply(number: float, name: str) -> None:
    alone, both = parse_strength(name, "SD 1.x"), parse_strength(f"{number} {name}", "SD 1.x")
    for key in ("lora_unet_conv_in", "lora_unet_mid_block_x", "lora_te_x"):
        assert both.at(key) == pytest.approx(number * alone.at(key))


def test_plain_numbers_are_the_same_everywhere() -> None:
    assert parse_strength("", "SDXL").at("lora_unet_mid_block_x") == 1.0
    assert parse_strength("-0.5", "SDXL").at("lora_te1_x") == -0.5


def test_own_lines_are_read_and_used() -> None:
    own = parse_own_lines("# mine\n\nFACE:" + ",".join(map(str, range(17))) + "\nXL: " + ",".join("0" * 12) + "\n")
    assert parse_strength("0.5 face", "SD 1.x", own).at("lora_unet_down_blocks_0_attentions_0_proj_in") == 0.5
    assert parse_strength("XL", "SDXL", own).at("lora_te1_x") == 0.0


@pytest.mark.parametrize("text", ["FACE", "FACE:1,2", "FACE:" + "x," * 17, ":1", "two words:" + ",".join("1" * 17)])
def test_lines_that_are_none_are_told_with_their_number(text: str) -> None:
    with pytest.raises(UserError, match="Line 2"):
        parse_own_lines(f"A:{','.join('1' * 17)}\n{text}")


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("OUTAL", "SD 1.x", "block_preset_unknown"), ("1,2,3", "SD 1.x", "block_weights_unreadable"),
        (",".join("1" * 17), "SDXL", "block_weights_of_another_kind"),
        (",".join("1" * 20), "SD 1.x", "block_weights_of_another_kind"), ("1,x" + ",1" * 15, "SD 1.x",
                                                                         "block_weights_unreadable"),
    ],
)
def test_what_is_no_strength_is_told(text: str, kind: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_strength(text, kind)
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize(("kind", "count"), [("SD 1.x", 26), ("SDXL", 20)])
@pytest.mark.parametrize("text", ["ALL0.5", "all0.5", "ALL0。5"])
def test_all_at_half_strength_is_a_preset_of_the_extension(text: str, kind: str, count: int) -> None:
    assert parse_strength(text, kind).by_block == dict.fromkeys(LABELS[count], 0.5)
    assert parse_strength(f"0.5 {text}", kind).at("lora_unet_mid_block_x") == 0.25


def test_full_width_signs_in_lists_are_plain_ones() -> None:
    listed = "，".join("1" * 17)
    assert parse_strength(f"0。5：{listed}", "SD 1.x").at("lora_te_x") == 0.5
    assert parse_own_lines(f"FACE：{listed}") == {"FACE": ",".join("1" * 17)}


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "nan MIDD"])
def test_a_strength_is_a_finite_number(text: str) -> None:
    with pytest.raises(UserError):
        parse_strength(text, "SD 1.x")
