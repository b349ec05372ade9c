"""Drawing with a real (tiny) Stable Diffusion: the same picture as diffusers draws, with and without an adapter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from tests.adapters import adapter_on
from tests.tiny import tiny_file, tiny_modules
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.diffusion.processes import process_of
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.models.load import load_family
from train_core.sampling.draw import PictureDrawer
from train_core.sampling.sampler_names import SAMPLERS

PROMPT = SamplePrompt("a cat", "a dog", 64, 128, 5, 4, 3.0, "ddim")


@pytest.fixture(scope="module")
def family():
    return load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32)


@torch.no_grad()
def diffusers_pixels(prompt, conditioning):
    """Picture that diffusers' U-Net, VAE and DDIM make of the same first noise and guidance."""
    unet, vae = tiny_modules()["unet"], tiny_modules()["vae"]
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(prompt.steps)
    shape = (1, 4, prompt.height // 8, prompt.width // 8)
    latents = torch.randn(shape, generator=torch.Generator().manual_seed(prompt.seed))
    for t in scheduler.timesteps:
        cond, uncond = unet(latents.expand(2, -1, -1, -1), t, conditioning, return_dict=False)[0].chunk(2)
        latents = scheduler.step(uncond + prompt.scale * (cond - uncond), t, latents).prev_sample
    return vae.decode(latents / 0.18215).sample


def test_the_picture_is_the_one_that_diffusers_draws(family):
    with torch.no_grad():
        ours = drawer(family).pixels(PROMPT)
        theirs = diffusers_pixels(PROMPT, family.encode_weighted([PROMPT.prompt, PROMPT.negative_prompt])["hidden"])
    assert ours.shape == (1, 3, 128, 64)
    assert ((ours - theirs).norm() / theirs.norm()).item() < 1e-3


def drawer(family, adapter=None):
    process = process_of(family, LossSettings())
    return PictureDrawer(family=family, process=process, device=torch.device("cpu"), trained=adapter)


def fail(problem):
    pytest.fail(str(problem))


def drawn(family, prompts, adapter=None):
    return drawer(family, adapter).pictures(prompts, 0, fail)


def array(pictures):
    return [np.asarray(p.image).astype(int) for p in pictures]


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if not name.startswith("k_")])
def test_every_sampler_draws_with_a_real_model(family, sampler):
    prompt = replace(PROMPT, sampler=sampler, steps=3, height=64)
    first, again = (array(drawn(family, [prompt])) for _ in range(2))
    assert first[0].shape == (64, 64, 3)
    assert np.array_equal(first[0], again[0])


def test_an_attached_adapter_shows_and_drops_nothing_out(family):
    prompt = replace(PROMPT, steps=2, height=64)
    plain = array(drawn(family, [prompt]))
    adapter = adapter_on(family.targets(), NetworkSettings(network_dim=2, network_dropout=0.5), 1).train()
    adapter.attach()
    try:
        start = array(drawn(family, [prompt], adapter))
        for parameter in adapter.parameters():
            torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(2))
        trained = [array(drawn(family, [prompt], adapter)) for _ in range(2)]
    finally:
        adapter.detach()
    assert np.abs(plain[0] - start[0]).max() <= 1  # the same products, summed in another order
    assert np.abs(plain[0] - trained[0][0]).max() > 8 and np.array_equal(*trained)
    assert adapter.training


def test_sizes_that_are_no_multiple_of_64_are_drawn(family):
    pictures = list(drawn(family, [replace(PROMPT, width=72, height=104, steps=2)]))
    assert pictures[0].image.size == (72, 104)


def test_half_precision_draws_nearly_the_same_picture(family):
    settings = ModelSettings(pretrained_model_name_or_path=str(tiny_file()))
    half = load_family(settings, torch.bfloat16)
    exact, rough = (array(drawn(f, [PROMPT]))[0] for f in (family, half))
    assert 0 < np.abs(exact - rough).mean() < 3
