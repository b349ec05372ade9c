"""The VAE's answer for a batch of images, kept as a distribution so that the draw can happen at use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Mean and log-variance of unscaled latents, each (B, C, h, w).

    `rescued` are the rows that half precision could not hold and that were encoded in fp32.
    """

    mean: Tensor
    logvar: Tensor
    rescued: tuple[int, ...] = ()

    def sample(self, noise: Tensor) -> Tensor:
        """Latents (B, C, h, w), unscaled: mean + std * `noise`, where `noise` is N(0, 1) of the same shape."""
        return self.mean + torch.exp(0.5 * self.logvar) * noise

    def broken(self) -> Tensor:
        """Which rows (B,) are not all numbers, on the CPU."""
        return ~(torch.isfinite(self.mean) & torch.isfinite(self.logvar)).all(dim=(1, 2, 3)).cpu()

    def to(self, device: torch.device | str) -> Moments:
        """The same distribution on `device`."""
        mean, logvar = (part.to(device, non_blocking=True) for part in (self.mean, self.logvar))
        return Moments(mean, logvar, self.rescued)
