"""Every SD 1.x weight has one name in each layout, and the way there and back is the same."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from tests.tiny import tiny_file, tiny_folder, tiny_modules
from train_core.models.sd1_keys import FILE_PREFIXES, module_name, split_file_name, to_diffusers, to_original


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_names_survive_the_way_there_and_back(part):
    names = list(tiny_modules()[part].state_dict())
    originals = [to_original(part, name) for name in names]
    assert len(set(originals)) == len(names)
    assert [to_diffusers(part, name) for name in originals] == names


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_nearly_every_name_differs_between_the_layouts(part):
    names = list(tiny_modules()[part].state_dict())
    same = [name for name in names if to_original(part, name) == name]
    assert all("conv_in" in name or "conv_out" in name or "quant_conv" in name for name in same)


@pytest.mark.parametrize(("part", "module"), [("unet", UNet2DConditionModel), ("vae", AutoencoderKL)])
def test_diffusers_own_conversion_puts_every_weight_in_the_same_place(part, module):
    theirs = module.from_single_file(str(tiny_file()), config=str(tiny_folder() / part)).state_dict()
    ours = tiny_modules()[part].state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in ours)


def test_text_encoder_names_in_files_have_the_step_that_modules_lack():
    assert FILE_PREFIXES["text_encoder"].endswith("text_model.")
    name = "cond_stage_model.transformer.text_model.final_layer_norm.bias"
    older = "cond_stage_model.transformer.final_layer_norm.bias"
    for spelling in (name, older):
        part, rest = split_file_name(spelling)
        assert (part, module_name(part, rest)) == ("text_encoder", "final_layer_norm.bias")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("text_encoder", "text_model.embeddings.position_ids"),
        ("text_encoder", "embeddings.position_ids"),
        ("vae", "loss.logvar"),
        ("vae", "model_ema.decay"),
    ],
)
def test_what_is_no_weight_is_left_out(part, name):
    assert module_name(part, name) is None


@pytest.mark.parametrize("name", ["model_ema.diffusion_modelinput_blocks00weight", "betas", "v_pred"])
def test_what_belongs_to_no_part_is_left_out(name):
    assert split_file_name(name) is None


def test_the_first_diffusers_names_of_the_vaes_attention_are_known():
    old = "decoder.mid_block.attentions.0.proj_attn.weight"
    assert module_name("vae", old) == "decoder.mid_block.attentions.0.to_out.0.weight"
    assert to_original("vae", "decoder.mid_block.attentions.0.to_out.0.weight") == "decoder.mid.attn_1.proj_out.weight"
