"""The DDPM process (Ho et al., 2020): a table of noise levels, and models that predict noise or velocity."""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cached_property

import torch
from torch import Tensor

from train_core.config.sections.loss import LossSettings
from train_core.diffusion.loss_weights import level_weights, snr
from train_core.diffusion.process import Spacing
from train_core.diffusion.schedule import zero_terminal
from train_core.models.family import Family, PredictionType

SMALLEST_ALPHA = 2.0**-24  # what is left of the picture at the last level: nothing that its prediction could tell


class DDPM:
    """Forward process x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) eps, where a_t is `alphas_cumprod[t]`, t in 0 … T - 1.

    Training takes whole `t`; samplers also such between two, interpolated in log sigma, as k-diffusion does. Everything
    is computed where `alphas_cumprod` (T,) lives, in fp32. See `Process` for what the methods are for.
    """

    def __init__(self, alphas_cumprod: Tensor, prediction_type: PredictionType) -> None:
        self.alphas_cumprod = alphas_cumprod.float()
        self.prediction_type = prediction_type
        self.span = float(len(alphas_cumprod))

    def to(self, device: torch.device | str) -> DDPM:
        """The same process, computed on `device`."""
        return DDPM(self.alphas_cumprod.to(device), self.prediction_type)

    def sample_t(self, u: Tensor) -> Tensor:
        """Whole `t` (B,), in floats: each of the T levels has an equal share of [0, 1)."""
        return (u * self.span).floor().clamp(max=self.span - 1).float()

    def add_noise(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The noised latents x_t = sqrt(a) x_0 + sqrt(1 - a) eps."""
        signal, sigma = self._rates(t)
        return signal * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Target of the prediction: eps, or v = sqrt(a) eps - sqrt(1 - a) x_0 (Salimans and Ho, 2022)."""
        if self.prediction_type == "epsilon":
            return noise
        signal, sigma = self._rates(t)
        return signal * noise - sigma * latents

    def snr(self, t: Tensor) -> Tensor:
        """Signal-to-noise ratios (B,), a / (1 - a)."""
        return snr(self._alphas(t))

    def weight(self, t: Tensor, settings: LossSettings) -> Tensor:
        """The product of all weightings that are on, (B,)."""
        return level_weights(self._alphas(t), self.prediction_type, settings)

    def times(self, steps: int, spacing: Spacing) -> list[float]:
        """Falling `t` for a sampler: "even" from the last level to the first, as in k-diffusion, or "trailing".

        That is DDIM's stride T / steps, counted from the last level, so that even a few steps begin at pure noise (Lin
        et al., 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed").
        """
        if spacing == "trailing":
            return [self.span * (steps - i) / steps - 1 for i in range(steps)]
        last = self.span - 1
        return [last - i * last / max(steps - 1, 1) for i in range(steps)]

    def sigma(self, t: float) -> float:
        """The noise level sqrt((1 - a) / a) of `t`, 0 … T - 1, which may lie between two.

        A schedule that ends in pure noise, where sigma is infinite, ends in sigma = 4096 instead, as in diffusers.
        """
        low = min(int(t), len(self._log_sigmas) - 2)
        share = t - low
        return math.exp((1 - share) * self._log_sigmas[low] + share * self._log_sigmas[low + 1])

    def timestep(self, sigma: float) -> float:
        """The `t` whose noise level is `sigma`; the first or last one for levels outside the schedule."""
        wanted = math.log(sigma)
        above = min(max(bisect_left(self._log_sigmas, wanted), 1), len(self._log_sigmas) - 1)
        low, high = self._log_sigmas[above - 1], self._log_sigmas[above]
        return above - 1 + min(max((wanted - low) / (high - low), 0.0), 1.0)

    def model_input(self, x: Tensor, sigma: float) -> Tensor:
        """x_t = sqrt(a) x = x / sqrt(sigma^2 + 1) (Song et al., 2020; Karras et al., 2022)."""
        return x / math.sqrt(sigma**2 + 1)

    def to_x0(self, prediction: Tensor, x: Tensor, sigma: float) -> Tensor:
        """Estimate x_0: from eps x - sigma eps, from v x / (sigma^2 + 1) - sigma v / sqrt(sigma^2 + 1)."""
        if self.prediction_type == "epsilon":
            return x - sigma * prediction
        scale = math.sqrt(sigma**2 + 1)
        return x / scale**2 - sigma / scale * prediction

    @cached_property
    def _log_sigmas(self) -> list[float]:
        a = self.alphas_cumprod.double().cpu().clamp(min=SMALLEST_ALPHA)
        return (0.5 * ((1 - a) / a).log()).tolist()

    def _alphas(self, t: Tensor) -> Tensor:
        """a, (B,)."""
        return self.alphas_cumprod[t.long()]

    def _rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """sqrt(a) and sqrt(1 - a), each (B, 1, 1, 1)."""
        a = self._alphas(t).view(-1, 1, 1, 1)
        return a.sqrt(), (1 - a).sqrt()


def ddpm_of(family: Family, settings: LossSettings) -> DDPM:
    """The process that `family` was trained with, its schedule changed as `settings` ask for."""
    alphas = family.alphas_cumprod
    return DDPM(zero_terminal(alphas) if settings.zero_terminal_snr else alphas, family.prediction_type)
