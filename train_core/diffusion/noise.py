"""Noise that is drawn for each sample by itself, so that batches, processes and devices cannot change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from train_core.facts.seeds import seed_for


def seeds_for(seed: int, epoch: int, indices: Iterable[int], purpose: str) -> list[int]:
    """One 63-bit seed for each sample index of a batch."""
    return [seed_for(seed, epoch, index, purpose) for index in indices]


def share_of(seed: int) -> float:
    """A number strictly between 0 and 1: a uniform draw, since a 63-bit seed is already one."""
    return (2 * (seed >> 11) + 1) / 2**53


def noise_for(seeds: Sequence[int], shape: Sequence[int]) -> Tensor:
    """N(0, 1) noise (B, *shape), fp32 on the CPU: row i follows from `seeds[i]` alone.

    Serves as the forward process's noise, as the draw from the VAE's posterior, and as the noise offset.
    """
    noise = torch.empty(len(seeds), *shape)
    for row, seed in zip(noise, seeds, strict=True):
        torch.randn(row.shape, generator=torch.Generator().manual_seed(seed), out=row)
    return noise


def offset_noise(noise: Tensor, offsets: Tensor, strength: float | Tensor) -> Tensor:
    """Noise (B, C, h, w) with a constant per sample and channel: noise + strength * offsets, `offsets` (B, C, 1, 1).

    The forward process never quite destroys a picture's mean, so models learn to keep it at middle grey; noise that
    moves the mean lets them learn dark and bright pictures ("Diffusion with Offset Noise", Guttenberg, 2023).
    """
    return noise + strength * offsets


def adapted_strength(strength: float | Tensor, latents: Tensor, scale: float) -> Tensor:
    """Offset strengths (B, C, 1, 1): max(0, strength + scale |mean over pixels|) of `latents` (B, C, h, w).

    So pictures that are dark or bright themselves get more of the offset (sd-scripts, 2023); `strength` may be (B, 1,
    1, 1).
    """
    return (strength + scale * latents.mean(dim=(2, 3), keepdim=True).abs()).clamp(min=0)


def pyramid_noise(seeds: Sequence[int], shape: tuple[int, int, int], levels: int, discount: float) -> Tensor:
    """Part added by multi-resolution noise, (B, C, h, w), fp32 on the CPU: sum over i of discount^i up(noise_i).

    noise_i has sides (h / r^i, w / r^i), whole numbers of at least 1, with r ~ U(2, 4) drawn for each level and sample,
    and is enlarged bilinearly; level 0 is full-size noise, and after a level with a side of 1 there is no other
    ("Multi-Resolution Noise for Diffusion Model Training", Whitaker, 2023).
    """
    channels, height, width = shape
    total = torch.zeros(len(seeds), *shape)
    for row, seed in zip(total, seeds, strict=True):
        ratios, generator = Random(seed), torch.Generator().manual_seed(seed)
        for level in range(levels):
            shrink = ratios.uniform(2, 4) ** level
            size = max(1, int(height / shrink)), max(1, int(width / shrink))
            coarse = torch.randn(1, channels, *size, generator=generator)
            row.add_(interpolate(coarse, (height, width), mode="bilinear")[0], alpha=discount**level)
            if 1 in size:
                break
    return total


def unit_deviation(noise: Tensor) -> Tensor:
    """Noise (B, C, h, w) divided by each sample's own standard deviation, so that other samples do not matter."""
    return noise / noise.std(dim=(1, 2, 3), keepdim=True)
