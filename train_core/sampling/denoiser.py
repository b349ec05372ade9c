"""Denoisers: from a model's prediction to the picture under the noise, which is all that samplers need."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from train_core.diffusion.process import Process
from train_core.models.family import Conditioning, Family

Denoise = Callable[[Tensor, float], Tensor]
Predict = Callable[[Tensor, Tensor], Tensor]


def denoiser(predict: Predict, process: Process) -> Denoise:
    """A function (x, sigma) -> x_0, for x = x_0 + sigma eps, of `predict` (model's input, t (B,)) -> prediction."""

    def denoise(x: Tensor, sigma: float) -> Tensor:
        t = torch.full((len(x),), process.timestep(sigma), device=x.device)
        return process.to_x0(predict(process.model_input(x, sigma), t), x, sigma)

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
