"""Presets of layers: LyCORIS's own choice, files of one's own, and what is wrong with them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from lycoris.kohya import LycorisNetworkKohya, create_network

from tests.adapters import adapter_on
from tests.tiny import tiny_modules
from train_core.config.problems import UserError
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.syntax.layer_presets import layer_preset
from train_core.models.targets import text_encoder_targets, unet_targets
from train_core.networks.algorithms.lokr import LokrLayer


@pytest.fixture(scope="module")
def targets() -> list[Any]:
    modules = {name: copy.deepcopy(tiny_modules()[name]) for name in ("unet", "text_encoder")}
    return [*text_encoder_targets(modules["text_encoder"]), *unet_targets(modules["unet"])]


def chosen(targets: list[Any], preset: str, **settings: Any) -> set[str]:
    network = NetworkSettings(LyCORIS_preset=preset, network_dim=2, **settings)
    return set(adapter_on(targets, network, algorithm=AlgorithmSettings()).layers)


@pytest.fixture
def lycoris_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its presets add to what earlier ones have left on its class."""
    for name, value in vars(LycorisNetworkKohya).items():
        if name.isupper():
            monkeypatch.setattr(LycorisNetworkKohya, name, copy.copy(value))


# attn-only names sd-scripts' own attention class, which diffusers' U-Net does not have; here it means both. The full
# presets of this LyCORIS take diffusers' time embedding twice, for a newer model's sake, and fail on it.
@pytest.mark.parametrize("preset", ["attn-mlp", "unet-transformer-only", "unet-convblock-only"])
def test_named_presets_take_the_layers_that_lycoris_takes(
    preset: str, targets: list[Any], lycoris_afresh: None
) -> None:
    modules = {name: copy.deepcopy(tiny_modules()[name]) for name in ("unet", "text_encoder")}
    theirs = create_network(1.0, 2, 2, None, modules["text_encoder"], modules["unet"], preset=preset, algo="lora")
    in_unet = {module.lora_name for module in theirs.unet_loras if "time_embedding" not in module.lora_name}
    ours = chosen(targets, preset)
    assert {name for name in ours if name.startswith("lora_unet_")} == in_unet
    assert bool(ours - in_unet) == bool(theirs.text_encoder_loras)


def test_full_takes_every_layer_in_blocks_and_at_the_ends(targets: list[Any]) -> None:
    inside = {t.file_key for t in targets if not t.is_norm and t.in_block}
    ends = {f"lora_unet_{name}" for name in ("conv_in", "conv_out", "time_embedding_linear_1",
                                             "time_embedding_linear_2")}
    assert chosen(targets, "full") == inside | ends
    assert chosen(targets, "unet-only") == {name for name in inside | ends if name.startswith("lora_unet_")}
    wide = {t.file_key for t in targets if not t.is_norm and t.is_wide_conv}
    assert chosen(targets, "full-lin") == {name for name in inside | ends if name not in wide and "sampler" not in name}


def test_attention_only_is_attention_only(targets: list[Any]) -> None:
    found = chosen(targets, "attn-only")
    assert found
    assert all("_attn1_to_" in name or "_attn2_to_" in name or "_self_attn_" in name for name in found)


def test_auto_is_a_lora_and_with_a_rank_for_convolutions_a_locon(targets: list[Any]) -> None:
    assert chosen(targets, "auto") == chosen(targets, "attn-mlp")
    added = chosen(targets, "auto", conv_dim=2) - chosen(targets, "auto")
    assert added
    assert all("resnets" in name or "samplers" in name for name in added)


def test_ia3_has_its_own_layers(targets: list[Any]) -> None:
    assert all(name.endswith(("to_k", "to_v", "ff_net_2", "k_proj", "v_proj", "mlp_fc2"))
               for name in chosen(targets, "ia3", LoRA_type="IA3"))


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_file_chooses_by_class_name_and_pattern_and_leaves_out(targets: list[Any], tmp_path: Path) -> None:
    file = write(
        tmp_path / "p.toml",
        'unet_target_name = ["conv_in", ".*attn2.to_[kv]"]\ntext_encoder_target_module = ["CLIPMLP"]\n'
        'exclude_name = [".*mid_block.*"]\n',
    )
    found = chosen(targets, file)
    assert "lora_unet_conv_in" in found
    rest = found - {"lora_unet_conv_in"}
    assert all(name.endswith(("attn2_to_k", "attn2_to_v")) or "_mlp_fc" in name for name in rest)
    assert not any("mid_block" in name for name in found)


def test_wildcards_are_patterns_too(targets: list[Any], tmp_path: Path) -> None:
    file = write(tmp_path / "p.toml", 'use_fnmatch = true\nunet_target_name = ["up_blocks.*.to_q"]\n'
                                      'text_encoder_target_module = []\n')
    assert all(name.startswith("lora_unet_up_blocks") and name.endswith("to_q") for name in chosen(targets, file))


def test_layers_may_have_an_algorithm_and_a_size_of_their_own(targets: list[Any], tmp_path: Path) -> None:
    file = write(
        tmp_path / "p.toml",
        'unet_target_module = ["Transformer2DModel"]\n[module_algo_map.FeedForward]\nalgo = "lokr"\ndim = 3\n'
        'full_matrix = true\n[name_algo_map."attn1.to_q"]\ndim = 7\nalpha = 2\n',
    )
    adapter = adapter_on(targets, NetworkSettings(LyCORIS_preset=file, network_dim=2))
    for name, layer in adapter.layers.items():
        if "_ff_net" in name:
            assert isinstance(layer, LokrLayer)
            assert layer.options.full_matrix
        elif name.endswith("attn1_to_q"):
            assert (layer.rank, layer.alpha) == (7, 2.0)
        elif name.startswith("lora_unet"):
            assert layer.rank == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("unet_target_modules = []", "layers_file_key"), ('enable_conv = "yes"', "layers_file_key"),
        ('unet_target_name = ["("]', "layers_file_pattern"), ("= 1", "layers_file_unreadable"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(text: str, code: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        layer_preset(write(tmp_path / "p.toml", text), False)
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [('algo = "lorra"', "layers_algo_unknown"), ("ranks = 3", "layers_option_unknown")],
)
def test_what_is_wrong_with_a_layer_s_own_settings_is_told(
    text: str, code: str, targets: list[Any], tmp_path: Path
) -> None:
    file = write(tmp_path / "p.toml", f'unet_target_module = ["Transformer2DModel"]\n[name_algo_map."to_q"]\n{text}\n')
    with pytest.raises(UserError) as caught:
        chosen(targets, file)
    assert caught.value.problems[0].code == code


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError, match="attn-mlp"):
        layer_preset("attn_mlp", False)


@pytest.mark.parametrize("count", [24, 26])
def test_block_ranks_have_to_be_as_many_as_blocks(count: int, targets: list[Any]) -> None:
    with pytest.raises(UserError) as caught:
        chosen(targets, "auto", block_dims=",".join("2" * count))
    assert caught.value.problems[0].code == "block_count"
