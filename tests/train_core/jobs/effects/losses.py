"""Effects of settings of the loss: what the errors of the same answers to the same questions come to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.train_core.jobs.effects.comparing import assert_learnt_otherwise, assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.outcome import Outcome
from tests.train_core.jobs.effects.recorder import Pass

LOSSES = Effects()
VELOCITY = {"v_parameterization": "v"}
HUBER = {"loss_type": "huber"}
LARGEST_SNR = 1000


def noise(_step: int, one: Pass) -> Tensor:
    return one.noise


def velocity(_step: int, one: Pass) -> Tensor:
    return one.velocity


def squared(difference: Tensor, _one: Pass) -> Tensor:
    return difference.square()


def absolute(difference: Tensor, _one: Pass) -> Tensor:
    return difference.abs()


def huber(difference: Tensor, one: Pass, threshold: Callable[[Tensor], Tensor]) -> Tensor:
    """2 c (sqrt(d^2 + c^2) - c), with the threshold c as a function of the noise per signal."""
    c = threshold(one.snr.rsqrt()).view(-1, 1, 1, 1)
    return 2 * c * ((difference.square() + c**2).sqrt() - c)


def by_snr(sigma: Tensor, c: float = 0.1, scale: float = 1.0) -> Tensor:
    return scale * ((1 - c) / (1 + sigma) ** 2 + c)


def expected_losses(
    outcome: Outcome,
    error: Callable[[Tensor, Pass], Tensor] = squared,
    weight: Callable[[Tensor], Tensor] = torch.ones_like,
    target: Callable[[int, Pass], Tensor] = noise,
) -> list[float]:
    """Each step's loss, worked out from what the model was shown and answered; `weight` is a function of the SNR."""
    found = []
    for step, one in enumerate(outcome.passes):
        of_samples = error(one.answer - target(step, one), one).mean(dim=(1, 2, 3))
        found.append((weight(one.snr) * of_samples).mean().item())
    return found


def is_near(losses: list[float]) -> Any:
    return pytest.approx(losses, rel=2e-3)


def assert_counts(before: Outcome, after: Outcome, **expected: Any) -> None:
    """The same is shown, the losses of `after` are as `expected`, and so something else is learnt."""
    assert_same(before, after)
    assert after.losses == is_near(expected_losses(after, **expected))
    assert after.losses != is_near(before.losses)
    assert_learnt_otherwise(before, after)


@LOSSES.of("loss_type", "l1")
def errors_count_by_their_size(before: Outcome, after: Outcome) -> None:
    assert_counts(before, after, error=absolute)


@LOSSES.of("huber_schedule", "constant", **HUBER)
def the_threshold_is_the_same_at_all_noise_levels(before: Outcome, after: Outcome) -> None:
    assert before.losses == is_near(expected_losses(before, error=partial(huber, threshold=by_snr)))
    assert_counts(before, after, error=partial(huber, threshold=partial(torch.full_like, fill_value=0.1)))


@LOSSES.of("huber_c", 0.5, **HUBER)
def the_threshold_at_strong_noise_is_higher(before: Outcome, after: Outcome) -> None:
    assert_counts(before, after, error=partial(huber, threshold=partial(by_snr, c=0.5)))


@LOSSES.of("huber_scale", 2.0, **HUBER)
def all_thresholds_are_twice_as_high(before: Outcome, after: Outcome) -> None:
    assert_counts(before, after, error=partial(huber, threshold=partial(by_snr, scale=2.0)))


@LOSSES.of("min_snr_gamma", 1)
def weak_noise_counts_no_more_than_its_share(before: Outcome, after: Outcome) -> None:
    assert_counts(before, after, weight=lambda snr: snr.clamp(max=1) / snr)


@LOSSES.of("debiased_estimation_loss", True)
def strong_noise_counts_more(before: Outcome, after: Outcome) -> None:
    assert_counts(before, after, weight=lambda snr: snr.clamp(max=LARGEST_SNR).rsqrt())


@LOSSES.of("scale_v_pred_loss_like_noise_pred", True, **VELOCITY)
def errors_in_velocity_count_as_those_in_noise_would(before: Outcome, after: Outcome) -> None:
    limited = partial(torch.clamp, max=LARGEST_SNR)
    assert_counts(before, after, target=velocity, weight=lambda snr: limited(snr) / (limited(snr) + 1))


@LOSSES.of("v_pred_like_loss", 1.0)
def the_same_error_counts_as_one_in_velocity_too(before: Outcome, after: Outcome) -> None:
    limited = partial(torch.clamp, max=LARGEST_SNR)
    assert_counts(before, after, weight=lambda snr: 1 + (limited(snr) + 1) / limited(snr))
