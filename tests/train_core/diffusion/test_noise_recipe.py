"""A batch's noise as the settings say: its formula, its independence of the batch, and that every setting has a say."""

import pytest
import torch

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.noise import noise_for, pyramid_noise, seeds_for, share_of
from train_core.diffusion.noise_recipe import NoiseRecipe

LATENTS = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1)) + 0.5
EVERYTHING = LossSettings(
    noise_offset=0.1, noise_offset_random_strength=True, adaptive_noise_scale=0.2, multires_noise_iterations=3,
    ip_noise_gamma=0.1, ip_noise_gamma_random_strength=True,
)  # fmt: skip


def seeds_of(*indices):
    return lambda purpose: seeds_for(5, 2, indices, purpose)


def made(settings, *indices, latents=None):
    """Noise and perturbed noise of the samples `indices`."""
    recipe, seeds = NoiseRecipe(settings), seeds_of(*indices)
    noise = recipe.noise(seeds, LATENTS[: len(indices)] if latents is None else latents)
    return noise, recipe.perturbed(seeds, noise)


def test_without_settings_it_is_plain_noise_which_the_model_sees_as_it_is():
    noise, seen = made(LossSettings(), 0, 1, 2)
    assert torch.equal(noise, noise_for(seeds_of(0, 1, 2)("noise"), (4, 8, 8)))
    assert seen is noise


def test_offset_then_levels_then_unit_deviation():
    noise, _ = made(LossSettings(noise_offset=0.1, multires_noise_iterations=2, multires_noise_discount=0.5), 7)
    seeds = seeds_of(7)
    by_hand = noise_for(seeds("noise"), (4, 8, 8)) + 0.1 * noise_for(seeds("noise offset"), (4, 1, 1))
    by_hand = by_hand + pyramid_noise(seeds("multires noise"), (4, 8, 8), 2, 0.5)
    torch.testing.assert_close(noise, by_hand / by_hand.std())


def test_a_random_offset_is_the_full_one_times_the_samples_own_share():
    plain, _ = made(LossSettings(), 0, 1)
    full, _ = made(LossSettings(noise_offset=0.2), 0, 1)
    random, _ = made(LossSettings(noise_offset=0.2, noise_offset_random_strength=True), 0, 1)
    shares = torch.tensor([share_of(seed) for seed in seeds_of(0, 1)("noise offset strength")]).view(-1, 1, 1, 1)
    assert shares[0] != shares[1]
    torch.testing.assert_close(random - plain, shares * (full - plain))


def test_input_perturbation_adds_independent_noise_to_what_the_model_sees_alone():
    noise, seen = made(LossSettings(ip_noise_gamma=0.1), 0, 1, 2)
    assert torch.equal(noise, made(LossSettings(), 0, 1, 2)[0])  # the target stays
    extra = (seen - noise) / 0.1
    torch.testing.assert_close(extra, noise_for(seeds_of(0, 1, 2)("input noise"), (4, 8, 8)), rtol=1e-3, atol=1e-5)
    assert abs((extra * noise).mean().item()) < 0.15


def test_a_random_perturbation_has_each_samples_own_strength():
    noise, seen = made(LossSettings(ip_noise_gamma=0.5, ip_noise_gamma_random_strength=True), 0, 1, 2)
    strengths = (seen - noise).std((1, 2, 3)) / 0.5
    shares = torch.tensor([share_of(seed) for seed in seeds_of(0, 1, 2)("input noise strength")])
    torch.testing.assert_close(strengths, shares, rtol=0.2, atol=0)


def test_nothing_of_a_sample_depends_on_its_batch():
    noise, seen = made(EVERYTHING, 4, 9, 11)
    for row, index in enumerate((4, 9, 11)):
        alone = made(EVERYTHING, index, latents=LATENTS[row : row + 1])
        torch.testing.assert_close(noise[row], alone[0][0], rtol=0, atol=0)
        torch.testing.assert_close(seen[row], alone[1][0], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {"noise_offset": 0.1}),
        ({"noise_offset": 0.1}, {"noise_offset_random_strength": True}),
        ({"noise_offset": 0.1}, {"adaptive_noise_scale": 0.5}),
        ({}, {"multires_noise_iterations": 2}),
        ({"multires_noise_iterations": 2}, {"multires_noise_iterations": 3}),
        ({"multires_noise_iterations": 2}, {"multires_noise_discount": 0.9}),
        ({}, {"ip_noise_gamma": 0.1}),
        ({"ip_noise_gamma": 0.1}, {"ip_noise_gamma_random_strength": True}),
    ],
)
def test_every_setting_of_the_noise_changes_what_the_model_sees(given, changed):
    assert not torch.allclose(made(LossSettings(**given), 0, 1)[1], made(LossSettings(**given | changed), 0, 1)[1])
