"""Effects of settings of the noise: which levels are trained, and which noise is mixed in at them."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.train_core.jobs.effects.comparing import all_latents, all_noise, all_timesteps, assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.losses import expected_losses, is_near, velocity
from tests.train_core.jobs.effects.outcome import Outcome
from tests.train_core.jobs.effects.recorder import ALPHAS

NOISE = Effects()
CLOSE = {"rtol": 1e-3, "atol": 1e-3}  # noise is worked out from what the model was shown, with a few digits less


def added(before: Outcome, after: Outcome) -> list[Tensor]:
    """By how much the noise of each sample differs, (4, h, w), where all else that is shown is the same."""
    assert_same(before, after, "captions", "pictures", "timesteps", "latents")
    return [new - old for old, new in zip(all_noise(before), all_noise(after), strict=True)]


def offsets(plain: Outcome, outcome: Outcome) -> list[Tensor]:
    """Offset added to each channel (4,) of each sample's noise."""
    found = []
    for difference in added(plain, outcome):
        means = difference.mean(dim=(1, 2), keepdim=True)
        torch.testing.assert_close(difference, means.expand_as(difference), **CLOSE)
        found.append(means.flatten())
    return found


def assert_is_learnt(outcome: Outcome) -> None:
    """Assert that the model's target is all the noise that was mixed in."""
    assert outcome.losses == is_near(expected_losses(outcome))


def roughness(noise: list[Tensor]) -> float:
    """How much neighbours differ, on average: 2 for white noise of variance 1, less where it has large structures."""
    flat = [one.diff(dim=axis).square().mean() / one.var() for one in noise for axis in (1, 2)]
    return torch.stack(flat).mean().item()


@NOISE.of("min_timestep", 500)
def only_strong_noise_is_trained(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "captions", "pictures", "latents")
    old, new = all_timesteps(before), all_timesteps(after)
    assert old.min() < 500 <= new.min()
    assert ((new - (500 + old / 2)).abs() <= 1).all()  # the same draws, in half the range


@NOISE.of("max_timestep", 500)
def only_weak_noise_is_trained(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "captions", "pictures", "latents")
    old, new = all_timesteps(before), all_timesteps(after)
    assert new.max() < 500 <= old.max()
    assert ((new - old / 2).abs() <= 1).all()


@NOISE.of("noise_offset", 0.5)
def each_channels_noise_is_shifted_as_a_whole(before: Outcome, after: Outcome) -> None:
    shifts = torch.stack(offsets(before, after))
    assert 0.25 < shifts.std() < 1  # 0.5 N(0, 1)
    assert len(shifts.unique()) == shifts.numel()
    assert_is_learnt(after)


@NOISE.of("noise_offset_random_strength", True, noise_offset=0.5)
def each_sample_gets_a_share_of_the_offset(before: Outcome, after: Outcome) -> None:
    plain = before.but(noise_offset=0.0)
    shares = []
    for whole, part in zip(offsets(plain, before), offsets(plain, after), strict=True):
        share = (part @ whole) / (whole @ whole)
        torch.testing.assert_close(part, share * whole, **CLOSE)
        shares.append(round(share.item(), 4))
    assert all(0 < share < 1 for share in shares)
    assert len(set(shares)) == len(shares)
    assert_is_learnt(after)


@NOISE.of("adaptive_noise_scale", 0.5, noise_offset=0.5)
def the_offset_grows_with_the_channels_mean(before: Outcome, after: Outcome) -> None:
    plain = before.but(noise_offset=0.0)
    means = [latents.mean(dim=(1, 2)).abs() for latents in all_latents(plain)]
    for old, new, mean in zip(offsets(plain, before), offsets(plain, after), means, strict=True):
        torch.testing.assert_close(new, old * (0.5 + 0.5 * mean) / 0.5, **CLOSE)
    assert_is_learnt(after)


@NOISE.of("multires_noise_iterations", 3, multires_noise_discount=0.9)
def the_noise_has_large_structures_too(before: Outcome, after: Outcome) -> None:
    assert all(difference.abs().max() > 0.1 for difference in added(before, after))
    assert all(abs(noise.std().item() - 1) < 1e-2 for noise in all_noise(after))  # and is as strong as ever
    assert roughness(all_noise(after)) < 0.9 * roughness(all_noise(before))
    assert_is_learnt(after)


@NOISE.of("multires_noise_discount", 0.9, multires_noise_iterations=3)
def the_large_structures_are_stronger(before: Outcome, after: Outcome) -> None:
    assert all(difference.abs().max() > 0.1 for difference in added(before, after))
    assert all(abs(noise.std().item() - 1) < 1e-2 for noise in all_noise(after))
    assert roughness(all_noise(after)) < 0.9 * roughness(all_noise(before))
    assert_is_learnt(after)


@NOISE.of("ip_noise_gamma", 0.2)
def the_input_has_some_more_noise_which_is_not_to_be_learnt(before: Outcome, after: Outcome) -> None:
    more = torch.stack([difference.std() for difference in added(before, after)])
    torch.testing.assert_close(more.mean().item(), 0.2, rtol=0.1, atol=0)
    assert after.losses == is_near(expected_losses(after, target=lambda step, _: before.passes[step].noise))


@NOISE.of("ip_noise_gamma_random_strength", True, ip_noise_gamma=0.2)
def each_sample_gets_a_share_of_the_additional_noise(before: Outcome, after: Outcome) -> None:
    plain = before.but(ip_noise_gamma=0.0)
    shares = []
    for whole, part in zip(added(plain, before), added(plain, after), strict=True):
        share = (part * whole).sum() / whole.square().sum()
        torch.testing.assert_close(part, share * whole, **CLOSE)
        shares.append(round(share.item(), 4))
    assert all(0 < share < 1 for share in shares)
    assert len(set(shares)) == len(shares)
    assert after.losses == is_near(expected_losses(after, target=lambda step, _: plain.passes[step].noise))


@NOISE.of("zero_terminal_snr", True, v_parameterization="v")
def the_schedule_ends_in_pure_noise(before: Outcome, after: Outcome) -> None:
    """Lin et al. (2024), algorithm 1: sqrt(a) shifted so that the last is 0, and scaled so that the first stays."""
    assert_same(before, after, "captions", "pictures", "timesteps", "latents")
    roots = ALPHAS.sqrt()
    signal = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    for old, new in zip(before.passes, after.passes, strict=True):
        mixed = signal[new.timesteps.long()].view(-1, 1, 1, 1)
        torch.testing.assert_close(new.noisy, mixed * old.latents + (1 - mixed**2).sqrt() * old.noise, **CLOSE)


@NOISE.of("v_parameterization", "v")
def velocity_is_learnt_instead_of_noise(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    assert before.losses == is_near(expected_losses(before))
    assert after.losses == is_near(expected_losses(after, target=velocity))
    assert after.metadata["modelspec.prediction_type"] == "v"
