"""Every weight has one name in each layout, and the way there and back is the same."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from tests.tiny import tiny_file, tiny_folder, tiny_modules
from train_core.models.files.stored import Stored, in_memory
from train_core.models.kinds.sd1 import SD1

PARTS = ["unet", "vae", "text_encoder"]


def read(part: str, *names: str) -> list[str]:
    """The module's names of weights that a file calls `names`."""
    return list(SD1.parts[part].read({name: Stored((1,), torch.Tensor) for name in names}))


def written(part: str) -> dict[str, str]:
    """The module's names of the tiny model's weights -> those of the original layout."""
    state = tiny_modules()[part].state_dict()
    return dict(zip(state, SD1.parts[part].write(in_memory(state)), strict=True))


@pytest.mark.parametrize("part", PARTS)
def test_names_survive_the_way_there_and_back(part):
    names = written(part)
    assert len(set(names.values())) == len(names)
    assert read(part, *names.values()) == list(names)


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_nearly_every_name_differs_between_the_layouts(part):
    same = [ours for ours, theirs in written(part).items() if ours == theirs]
    assert all("conv_in" in name or "conv_out" in name or "quant_conv" in name for name in same)


@pytest.mark.parametrize(("part", "module"), [("unet", UNet2DConditionModel), ("vae", AutoencoderKL)])
def test_diffusers_own_conversion_puts_every_weight_in_the_same_place(part, module):
    theirs = module.from_single_file(str(tiny_file()), config=str(tiny_folder() / part)).state_dict()
    ours = tiny_modules()[part].state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)


def test_text_encoder_names_in_files_have_the_step_that_modules_lack():
    part = SD1.parts["text_encoder"]
    assert part.prefix == part.shortest_prefix + "text_model."
    assert read("text_encoder", "text_model.final_layer_norm.bias") == ["final_layer_norm.bias"]
    assert read("text_encoder", "final_layer_norm.bias") == ["final_layer_norm.bias"]


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("text_encoder", "text_model.embeddings.position_ids"),
        ("text_encoder", "embeddings.position_ids"),
        ("text_encoder", "text_projection.weight"),
        ("vae", "loss.logvar"),
        ("vae", "model_ema.decay"),
    ],
)
def test_what_is_no_weight_is_left_out(part, name):
    assert read(part, name) == []


def test_the_first_diffusers_names_of_the_vaes_attention_are_known():
    old, new = (f"decoder.mid_block.attentions.0.{name}.weight" for name in ("proj_attn", "to_out.0"))
    assert read("vae", old) == [new]
    assert written("vae")[new] == "decoder.mid.attn_1.proj_out.weight"
