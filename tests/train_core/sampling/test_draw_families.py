"""SD 2.x and SDXL draw the pictures that diffusers' own pipelines draw with the same weights and first noise."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline

from tests.tiny_families import file_of, folder_of
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.model import ModelSettings
from train_core.diffusion.processes import process_of
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.models.family import Family
from train_core.models.load import load_family
from train_core.sampling.draw import PictureDrawer

PIPELINES = {"sd2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
PROMPT = SamplePrompt("a cat", "a dog", 64, 128, 5, 4, 3.0, "ddim")


@cache
def pipeline(kind: str):
    pipe = PIPELINES[kind].from_pretrained(folder_of(kind), torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def load(kind: str, prediction: str, dtype: torch.dtype = torch.float32, **settings):
    model = ModelSettings(
        pretrained_model_name_or_path=str(file_of(kind)), v_parameterization=prediction, **settings
    )
    return load_family(model, dtype)


def pixels_of(kind: str, prediction: str) -> torch.Tensor:
    return drawer(load(kind, prediction)).pixels(PROMPT)


def drawer(family: Family) -> PictureDrawer:
    return PictureDrawer(family=family, process=process_of(family, LossSettings()), device=torch.device("cpu"))


def diffusers_picture(kind: str, prediction_type: str) -> torch.Tensor:
    """Pixels (1, 3, H, W) in [0, 1]."""
    pipe = pipeline(kind)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config, prediction_type=prediction_type)
    shape = (1, 4, PROMPT.height // 8, PROMPT.width // 8)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(PROMPT.seed))
    return pipe(
        PROMPT.prompt, negative_prompt=PROMPT.negative_prompt, height=PROMPT.height, width=PROMPT.width,
        num_inference_steps=PROMPT.steps, guidance_scale=PROMPT.scale, latents=noise, output_type="pt",
    ).images  # fmt: skip


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
@pytest.mark.parametrize(("prediction", "prediction_type"), [("epsilon", "epsilon"), ("v", "v_prediction")])
def test_the_picture_is_the_one_that_diffusers_draws(kind, prediction, prediction_type):
    with torch.no_grad():
        ours = pixels_of(kind, prediction) / 2 + 0.5
    theirs = diffusers_picture(kind, prediction_type)
    assert ours.shape == theirs.shape == (1, 3, 128, 64)
    assert ((ours.clamp(0, 1) - theirs).norm() / theirs.norm()).item() < 1e-3


def test_noise_and_velocity_make_other_pictures():
    with torch.no_grad():
        first, second = (pixels_of("sdxl", name) for name in ("epsilon", "v"))
    assert ((first - second).norm() / first.norm()).item() > 0.05


def test_a_picture_that_overflows_the_half_precision_vae_is_drawn_all_the_same(monkeypatch):
    family = load("sdxl", "epsilon", torch.bfloat16, no_half_vae=False)
    vae = family.modules["vae"]
    original = type(vae).decode

    def overflowing(self, latents, *args, **kwargs):
        decoded = original(self, latents, *args, **kwargs)
        if latents.dtype == torch.bfloat16:
            decoded.sample[:] = torch.inf
        return decoded

    monkeypatch.setattr(type(vae), "decode", overflowing)
    (picture,) = drawer(family).pictures([PROMPT], 0, lambda problem: pytest.fail(problem.text))
    assert picture.image.size == (64, 128)
    assert vae.dtype == torch.bfloat16
