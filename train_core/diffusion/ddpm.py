"""The DDPM process (Ho et al., 2020): what noise level t does to latents, and what the model is asked to predict."""

from __future__ import annotations

import torch
from torch import Tensor

from train_core.models.family import PredictionType


class DDPM:
    """Forward process x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps, where a_t is `alphas_cumprod[t]`, t in 0 … T - 1.

    Everything is computed where `alphas_cumprod` (T,) lives, in fp32; batches are (B, C, h, w), timesteps (B,) long.
    """

    def __init__(self, alphas_cumprod: Tensor, prediction_type: PredictionType) -> None:
        self.alphas_cumprod = alphas_cumprod.float()
        self.prediction_type = prediction_type

    def to(self, device: torch.device | str) -> DDPM:
        """The same process, computed on `device`."""
        return DDPM(self.alphas_cumprod.to(device), self.prediction_type)

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The noised latents x_t = sqrt(a) x_0 + sqrt(1 - a) eps."""
        signal, sigma = self._rates(timesteps)
        return signal * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the model should predict: eps, or v = sqrt(a) eps - sqrt(1 - a) x_0 (Salimans and Ho, 2022)."""
        if self.prediction_type == "epsilon":
            return noise
        signal, sigma = self._rates(timesteps)
        return signal * noise - sigma * latents

    def _rates(self, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(a) and sqrt(1 - a), each (B, 1, 1, 1)."""
        a = self.alphas_cumprod[timesteps].view(-1, 1, 1, 1)
        return a.sqrt(), (1 - a).sqrt()
