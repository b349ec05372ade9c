"""Drawing noise levels by their losses, so that steps go where there is most to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.noise import share_of
from train_core.diffusion.timesteps import THOUSAND, TimestepSampler, Total, shape_of

BINS = 20
PRIOR_SAMPLES = 10  # how many samples of average loss each bin starts with, and keeps
DECAY = 0.999  # what a step leaves of what was known before it: the last thousand or so count
UNIFORM_SHARE = 0.1  # of the draws; so every level is met, and no loss counts more than tenfold


def level_probabilities(squares: Tensor, counts: Tensor, bin_of: Tensor) -> Tensor:
    """Probabilities of N levels, (N,), summing to 1: in proportion to sqrt(E[loss^2]) of their bins.

    `squares` and `counts` (bins,) hold the sum of squared losses and their number; `bin_of` (N,) a level's bin. The
    importance sampling of Nichol and Dhariwal (2021, section 3.3), over bins since levels are too many to know each.
    """
    average = squares.sum() / counts.sum().clamp(min=1e-12)
    moments = (squares + PRIOR_SAMPLES * average) / (counts + PRIOR_SAMPLES)
    wanted = moments.sqrt().clamp(min=1e-12)[bin_of]
    return (1 - UNIFORM_SHARE) * wanted / wanted.sum() + UNIFORM_SHARE / len(bin_of)


class LossAwareTimesteps(TimestepSampler):
    """Draws levels of high loss more often, and weights their losses less: the mean stays as with uniform draws.

    What was noted counts from the next step on, summed over processes; so all of them draw from the same distribution,
    and nothing waits for the device.
    """

    def __init__(self, first: int, end: int, device: torch.device | str) -> None:
        super().__init__(first, end)
        self.device = device
        levels = end - first
        bins = min(BINS, levels)
        self._bin_of = torch.arange(levels, device=device) * bins // levels
        self._known = torch.zeros(2, bins, device=device)  # squared losses, and their number
        self._noted = torch.zeros(2, bins, device=device)
        self._decide()

    def draw(self, seeds: Sequence[int]) -> Tensor:
        """Levels u (B,), fp32 on the device: each follows from its sample's seed and from the losses known."""
        shares = torch.tensor([share_of(seed) for seed in seeds]).to(self.device, non_blocking=True)
        drawn = torch.searchsorted(self._cumulative, shares, right=True).clamp(max=len(self._bin_of) - 1)
        return (self.first + drawn + 0.5) / THOUSAND  # the middle of a thousandth: no rounding leads out of it

    def balanced(self, losses: Tensor, u: Tensor) -> Tensor:
        """`losses` (B,) over N p(u): their mean is what it would be had all N levels been as likely."""
        return losses / (len(self._bin_of) * self.probabilities[self._level(u)])

    def note(self, losses: Tensor, u: Tensor, weights: Tensor) -> None:
        """Add squared losses to their levels' bins, leaving out samples of weight 0 and what is not finite."""
        counted = (weights > 0) & losses.isfinite()
        squares = torch.where(counted, losses, 0).square()
        bins = torch.arange(self._known.shape[1], device=self.device)
        mine = self._bin_of[self._level(u), None] == bins  # (B, bins)
        self._noted += torch.stack([(mine * squares[:, None]).sum(0), (mine & counted[:, None]).sum(0)])

    def _level(self, u: Tensor) -> Tensor:
        """The thousandths (B,), counted from the first one drawn, that `u` lie in."""
        return (u * THOUSAND).long() - self.first

    def end_step(self, total: Total) -> None:
        """Fade the old statistics, add what all processes noted, and draw by the result from now on."""
        self._known = DECAY * self._known + total(self._noted)
        self._noted = torch.zeros_like(self._noted)
        self._decide()

    def state_dict(self) -> dict[str, Tensor]:
        """{"losses": (2, bins)}: faded sums of squared losses and of their numbers."""
        return {"losses": self._known.to("cpu", copy=True)}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from a `state_dict` of a sampler for the same levels."""
        self._known = state["losses"].to(self.device, copy=True)
        self._decide()

    def _decide(self) -> None:
        self.probabilities = level_probabilities(self._known[0], self._known[1], self._bin_of)
        self._cumulative = self.probabilities.cumsum(0)


def timestep_sampler(settings: LossSettings, device: torch.device | str) -> TimestepSampler:
    """The sampler that the settings name, for min_timestep … max_timestep - 1."""
    first, end = settings.min_timestep, settings.max_timestep
    if settings.timestep_sampling == "loss_aware":
        return LossAwareTimesteps(first, end, device)
    return TimestepSampler(first, end, shape_of(settings))
