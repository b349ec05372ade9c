"""Noise of which every sample owns its draw, so that batches, processes and devices cannot change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from train_core.facts.draws import seed_for


def seeds_for(seed: int, epoch: int, indices: Iterable[int], purpose: str) -> list[int]:
    """One 63-bit seed for each sample index of a batch."""
    return [seed_for(seed, epoch, index, purpose) for index in indices]


def noise_for(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """N(0, 1) noise (B, *shape), fp32 on the CPU: row i follows from `seeds[i]` alone.

    Serves as the forward process's noise, as the draw from the VAE's posterior, and as the noise offset.
    """
    noise = torch.empty(len(seeds), *shape)
    for row, seed in zip(noise, seeds, strict=True):
        torch.randn(row.shape, generator=torch.Generator().manual_seed(seed), out=row)
    return noise


def offset_noise(noise: Tensor, offsets: Tensor, strength: float) -> Tensor:
    """Noise (B, C, h, w) with a constant per sample and channel: noise + strength * offsets, `offsets` (B, C, 1, 1).

    The forward process never quite destroys a picture's mean, so models learn to keep it at middle grey; noise that
    moves the mean lets them learn dark and bright pictures ("Diffusion with Offset Noise", Guttenberg, 2023).
    """
    return noise + strength * offsets
