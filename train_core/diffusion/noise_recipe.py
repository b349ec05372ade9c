"""Noise of a batch, and the part of it that the model sees, as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.noise import (
    adapted_strength,
    noise_for,
    offset_noise,
    pyramid_noise,
    share_of,
    unit_deviation,
)

# One seed for each sample of the batch, for a purpose of its own.
Seeds = Callable[[str], list[int]]


@dataclass(frozen=True)
class NoiseRecipe:
    """Offset, then multi-resolution, then input perturbation. Everything is drawn on the CPU, per sample."""

    settings: LossSettings

    def noise(self, seeds: Seeds, latents: Tensor) -> Tensor:
        """The noise (B, C, h, w) for `latents`, on their device: what the model learns to see."""
        settings = self.settings
        noise = _to(noise_for(seeds("noise"), latents.shape[1:]), latents)
        if settings.noise_offset:
            offsets = _to(noise_for(seeds("noise offset"), (latents.shape[1], 1, 1)), latents)
            noise = offset_noise(noise, offsets, self._offset_strength(seeds, latents))
        if settings.multires_noise_iterations:
            _, channels, height, width = latents.shape
            added = pyramid_noise(
                seeds("multires noise"), (channels, height, width), settings.multires_noise_iterations,
                settings.multires_noise_discount,
            )
            noise = unit_deviation(noise + _to(added, latents))
        return noise

    def perturbed(self, seeds: Seeds, noise: Tensor) -> Tensor:
        """The noise in the model's input: `noise` (B, C, h, w) + gamma N(0, 1), while the target stays `noise`.

        So the model meets inputs as imperfect as its own when it samples (Ning et al., 2023).
        """
        gamma = self.settings.ip_noise_gamma
        if not gamma:
            return noise
        strength: float | Tensor = gamma
        if self.settings.ip_noise_gamma_random_strength:
            strength = gamma * _shares(seeds("input noise strength"), noise)
        return noise + strength * _to(noise_for(seeds("input noise"), noise.shape[1:]), noise)

    def _offset_strength(self, seeds: Seeds, latents: Tensor) -> float | Tensor:
        strength: float | Tensor = self.settings.noise_offset
        if self.settings.noise_offset_random_strength:
            strength = strength * _shares(seeds("noise offset strength"), latents)
        if self.settings.adaptive_noise_scale:
            strength = adapted_strength(strength, latents, self.settings.adaptive_noise_scale)
        return strength


def _shares(seeds: list[int], like: Tensor) -> Tensor:
    """U(0, 1), (B, 1, 1, 1)."""
    return _to(torch.tensor([share_of(seed) for seed in seeds]).view(-1, 1, 1, 1), like)


def _to(drawn: Tensor, like: Tensor) -> Tensor:
    return drawn.to(like.device, non_blocking=True)
