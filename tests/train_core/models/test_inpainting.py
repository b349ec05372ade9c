"""Inpainting models see mask and masked picture beside the noise, in the order in which they were trained."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file

from tests.tiny import tiny_file
from tests.tiny_families import file_of, inpainting_tensors
from train_core.config.sections.model import ModelSettings
from train_core.models.load import load_family
from train_core.run.inpainting import around_holes

KINDS = ["sd1", "sd2", "sdxl"]


@pytest.fixture(params=KINDS)
def family(request, tmp_path):
    save_file(inpainting_tensors(request.param), tmp_path / "m.safetensors")
    settings = ModelSettings(
        pretrained_model_name_or_path=str(tmp_path / "m.safetensors"), v_parameterization="epsilon"
    )
    return load_family(settings, torch.float32)


@torch.no_grad()
def test_the_unet_sees_noise_then_mask_then_masked_latents(family):
    unet: UNet2DConditionModel = family.modules["unet"]
    noisy, mask, masked = torch.randn(2, 4, 8, 8), (torch.rand(2, 1, 8, 8) > 0.5).float(), torch.randn(2, 4, 8, 8)
    seen = []
    unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    conditioning = family.encode_text(["a dog", "a cat"])
    found = family.predict(noisy, torch.tensor([5, 900]), conditioning, {"masks": mask, "masked_latents": masked})
    assert torch.equal(seen[0], torch.cat([noisy, mask, masked], dim=1))
    assert found.shape == noisy.shape


@torch.no_grad()
def test_without_a_mask_all_is_to_be_filled(family):
    noisy, timesteps, conditioning = torch.randn(1, 4, 8, 12), torch.tensor([5]), family.encode_text(["a dog"])
    grey = family.encode_images(torch.zeros(1, 3, 64, 96)).mean * family.kind.latents.scale
    everything = {"masks": torch.ones(1, 1, 8, 12), "masked_latents": grey}
    expected = family.predict(noisy, timesteps, conditioning, everything)
    torch.testing.assert_close(family.predict(noisy, timesteps, conditioning), expected)


def test_what_is_shown_is_the_picture_with_its_hole_in_grey(family):
    pixels, seeds = torch.rand(3, 3, 64, 96) * 2 - 1, [1, 2, 3]
    shown = around_holes(family, pixels, seeds)
    assert shown["masks"].shape == (3, 1, 8, 12)
    assert set(shown["masks"].unique().tolist()) <= {0.0, 1.0}
    assert shown["masked_latents"].shape == (3, 4, 8, 12)
    alone = around_holes(family, pixels[1:2], seeds[1:2])
    torch.testing.assert_close(alone["masked_latents"], shown["masked_latents"][1:2], atol=1e-5, rtol=1e-4)
    whole = next(seed for seed in range(100) if around_holes(family, pixels[:1], [seed])["masks"].min() == 1)
    grey = family.encode_images(torch.zeros(1, 3, 64, 96)).mean * family.kind.latents.scale
    torch.testing.assert_close(around_holes(family, pixels[:1], [whole])["masked_latents"], grey)


@pytest.mark.parametrize("path", [tiny_file(), file_of("sd2"), file_of("sdxl")])
def test_other_models_do_not_inpaint(path):
    settings = ModelSettings(pretrained_model_name_or_path=str(path), v_parameterization="epsilon")
    assert not load_family(settings, torch.float32).inpaints
