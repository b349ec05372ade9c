"""Sampling of noise levels: which are trained, and how often each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import NormalDist

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.noise import share_of

THOUSAND = 1000  # what min_timestep and max_timestep are counted in, whatever the process
Shape = Callable[[float], float]
Total = Callable[[Tensor], Tensor]


def uniform(share: float) -> float:
    """Every noise level as often as any other (Ho et al., 2020)."""
    return share


def logit_normal(share: float, mean: float, std: float) -> float:
    """A place in (0, 1) whose logit is N(mean, std^2): sigmoid(mean + std n), where n ~ N(0, 1) (Esser et al., 2024).

    `share` is the uniform draw that n follows from, by the inverse of the normal distribution function.
    """
    return 1 / (1 + math.exp(-(mean + std * NormalDist().inv_cdf(share))))


class TimestepSampler:
    """Draws noise levels between `first` and `end`, in thousandths of all there are, by `shape`.

    A level is a number u in [0, 1) that grows with the noise; the process says which t it stands for. The base of
    samplers that learn: this one has nothing to note, to balance or to remember.
    """

    def __init__(self, first: int, end: int, shape: Shape = uniform) -> None:
        self.first = first
        self.end = end
        self.shape = shape

    def draw(self, seeds: Sequence[int]) -> Tensor:
        """Levels u (B,), fp64 on the CPU: each follows from its sample's 63-bit seed."""
        low, high = self.first / THOUSAND, self.end / THOUSAND
        levels = [low + self.shape(share_of(seed)) * (high - low) for seed in seeds]
        below = math.nextafter(high, 0)
        return torch.tensor([min(level, below) for level in levels], dtype=torch.float64)

    def balanced(self, losses: Tensor, u: Tensor) -> Tensor:
        """`losses` (B,) times whatever makes up for noise levels that are drawn more often than they should count."""
        return losses

    def note(self, losses: Tensor, u: Tensor, weights: Tensor) -> None:
        """Learn from a batch's `losses` (B,); samples of weight 0 are padding and are ignored."""

    def end_step(self, total: Total) -> None:
        """Take what was noted into account from now on; `total` gives the sum of a tensor over all processes."""

    def state_dict(self) -> dict[str, Tensor]:
        """State needed to go on after a pause, on the CPU."""
        return {}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state_dict`."""


def shape_of(settings: LossSettings) -> Shape:
    """The distribution over noise levels that the settings name."""
    if settings.timestep_sampling == "sigmoid":
        return partial(logit_normal, mean=0.0, std=settings.sigmoid_scale)
    if settings.timestep_sampling == "logit_normal":
        return partial(logit_normal, mean=settings.logit_mean, std=settings.logit_std)
    return uniform
