"""Nothing here reads a number back from the device, which every step would wait for: "meta" has none to read."""

import pytest
import torch

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_aware import timestep_sampler
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise import seeds_for
from train_core.diffusion.noise_recipe import NoiseRecipe

EVERYTHING = {
    "noise_offset": 0.1, "noise_offset_random_strength": True, "adaptive_noise_scale": 0.1,
    "multires_noise_iterations": 3, "ip_noise_gamma": 0.1, "ip_noise_gamma_random_strength": True,
    "min_snr_gamma": 5, "debiased_estimation_loss": True, "loss_type": "huber",
}  # fmt: skip


@pytest.mark.parametrize("sampling", ["uniform", "sigmoid", "logit_normal", "loss_aware"])
def test_a_step_reads_nothing_back(sampling):
    settings = LossSettings(timestep_sampling=sampling, **EVERYTHING)
    process = DDPM(torch.linspace(0.99, 0.01, 1000, device="meta"), "epsilon")
    sampler, loss_recipe = timestep_sampler(settings, "meta"), LossRecipe(settings, process)
    noise_recipe, latents = NoiseRecipe(settings), torch.empty(2, 4, 8, 8, device="meta")

    def seeds(purpose):
        return seeds_for(0, 0, [3, 4], purpose)

    noise, levels = noise_recipe.noise(seeds, latents), sampler.draw(seeds("timestep"))
    timesteps = process.sample_t(levels).to("meta")
    noisy = process.add_noise(latents, noise_recipe.perturbed(seeds, noise), timesteps)
    losses = loss_recipe.per_sample(noisy, process.target(latents, noise, timesteps), timesteps)
    sampler.note(losses, levels, torch.ones(2, device="meta"))
    assert sampler.balanced(losses, levels).shape == (2,)
    sampler.end_step(lambda noted: noted)
