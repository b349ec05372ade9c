"""Comparison of two runs, step by step."""

from __future__ import annotations

from itertools import chain

import torch
from torch import Tensor

from tests.train_core.jobs.effects.outcome import Outcome

SHOWN = ("captions", "pictures", "timesteps", "latents", "noisy")


def assert_same(before: Outcome, after: Outcome, *names: str) -> None:
    """Every step of both runs was shown the same, as far as `names` of a pass go; all of it without names."""
    assert len(before.passes) == len(after.passes)
    for first, second in zip(before.passes, after.passes, strict=True):
        for name in names or SHOWN:
            one, other = getattr(first, name), getattr(second, name)
            assert torch.equal(one, other) if isinstance(one, Tensor) else one == other, f"other {name}"


def assert_learnt_otherwise(before: Outcome, after: Outcome) -> None:
    """The results have the same tensors with other numbers in them."""
    assert before.weights.keys() == after.weights.keys()
    assert any(not torch.equal(tensor, after.weights[name]) for name, tensor in before.weights.items())


def all_noise(outcome: Outcome) -> list[Tensor]:
    """The noise (4, h, w) mixed into each sample."""
    return list(chain.from_iterable(one.noise for one in outcome.passes))


def all_latents(outcome: Outcome) -> list[Tensor]:
    """The latents (4, h, w) of each sample."""
    return list(chain.from_iterable(one.latents for one in outcome.passes))


def all_timesteps(outcome: Outcome) -> Tensor:
    """Every sample's timestep, (samples,)."""
    return torch.cat([one.timesteps for one in outcome.passes])


def all_pixels(outcome: Outcome) -> list[Tensor]:
    """The pixels (3, H, W) of each sample, where latents are not cached."""
    return list(chain.from_iterable(one.pixels for one in outcome.passes))
