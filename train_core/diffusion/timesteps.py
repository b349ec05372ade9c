"""Which noise levels are trained, and how often each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import NormalDist

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.noise import share_of

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
    """Draws noise levels first … end - 1 by `shape`, which turns a uniform draw into a place between the two.

    The base of samplers that learn: this one has nothing to note, to balance or to remember.
    """

    def __init__(self, first: int, end: int, device: torch.device | str, shape: Shape = uniform) -> None:
        self.first = first
        self.end = end
        self.device = device
        self.shape = shape

    def draw(self, seeds: Sequence[int]) -> Tensor:
        """Timesteps (B,), long, on the device: each follows from its sample's 63-bit seed."""
        span = self.end - self.first
        places = [min(int(self.shape(share_of(seed)) * span), span - 1) for seed in seeds]
        return torch.tensor([self.first + place for place in places]).to(self.device, non_blocking=True)

    def balanced(self, losses: Tensor, timesteps: Tensor) -> Tensor:
        """`losses` (B,) times whatever makes up for noise levels that are drawn more often than they are to count."""
        return losses

    def note(self, losses: Tensor, timesteps: Tensor, weights: Tensor) -> None:
        """Learn from a batch's `losses` (B,); samples of weight 0 are there to fill up and tell nothing."""

    def end_step(self, total: Total) -> None:
        """Take what was noted into account from now on; `total` gives the sum of a tensor over all processes."""

    def state_dict(self) -> dict[str, Tensor]:
        """What has to be known to go on after a pause, on the CPU."""
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
