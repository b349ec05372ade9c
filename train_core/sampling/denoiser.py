"""From a model's prediction to "what picture is this noise made of?", the one question that samplers ask."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable

import torch
from torch import Tensor

from train_core.models.family import Conditioning, Family, PredictionType

Denoise = Callable[[Tensor, float], Tensor]
Predict = Callable[[Tensor, Tensor], Tensor]

SMALLEST_ALPHA = 2.0**-24  # what is left of the picture at the last level: nothing that its prediction could tell


class NoiseLevels:
    """The training schedule seen as noise levels sigma = sqrt((1 - a) / a): latents are x = x_0 + sigma eps.

    This is x_t / sqrt(a) of the DDPM process (Song et al., 2020; Karras et al., 2022). Levels between two trained
    timesteps are interpolated in log sigma, as k-diffusion does. A schedule that ends in pure noise, where sigma is
    infinite, ends in sigma = 4096 instead, as in diffusers.
    """

    def __init__(self, alphas_cumprod: Tensor) -> None:
        a = alphas_cumprod.double().cpu().clamp(min=SMALLEST_ALPHA)
        self._log_sigmas = (0.5 * ((1 - a) / a).log()).tolist()

    def __len__(self) -> int:
        return len(self._log_sigmas)

    def sigma(self, t: float) -> float:
        """The noise level of timestep `t`, 0 … T - 1, which may lie between two."""
        low = min(int(t), len(self) - 2)
        share = t - low
        return math.exp((1 - share) * self._log_sigmas[low] + share * self._log_sigmas[low + 1])

    def timestep(self, sigma: float) -> float:
        """The timestep whose noise level is `sigma`; the first or last one for levels outside the schedule."""
        wanted = math.log(sigma)
        above = min(max(bisect_left(self._log_sigmas, wanted), 1), len(self) - 1)
        low, high = self._log_sigmas[above - 1], self._log_sigmas[above]
        return above - 1 + min(max((wanted - low) / (high - low), 0.0), 1.0)


def denoiser(predict: Predict, levels: NoiseLevels, prediction_type: PredictionType) -> Denoise:
    """A function (x, sigma) -> x_0 of `predict` (x_t, timesteps (B,)) -> eps or v.

    eps: x_0 = x - sigma eps. v: x_0 = x / (sigma^2 + 1) - sigma v / sqrt(sigma^2 + 1) (Salimans and Ho, 2022).
    """

    def denoise(x: Tensor, sigma: float) -> Tensor:
        scale = math.sqrt(sigma**2 + 1)
        timesteps = torch.full((len(x),), levels.timestep(sigma), device=x.device)
        prediction = predict(x / scale, timesteps)
        if prediction_type == "epsilon":
            return x - sigma * prediction
        return x / scale**2 - sigma / scale * prediction

    return denoise


def guided(family: Family, conditioning: Conditioning, scale: float) -> Predict:
    """The family's prediction under classifier-free guidance (Ho and Salimans, 2022): u + scale (c - u).

    `conditioning` holds the prompt, then the negative prompt; both are predicted in one call. At scale 1 the negative
    one has no say, so `conditioning` holds the prompt alone.
    """

    def predict(noisy: Tensor, timesteps: Tensor) -> Tensor:
        if scale == 1:
            return family.predict(noisy, timesteps, conditioning)
        both = family.predict(torch.cat([noisy, noisy]), torch.cat([timesteps, timesteps]), conditioning)
        cond, uncond = both.chunk(2)
        return uncond + scale * (cond - uncond)

    return predict
