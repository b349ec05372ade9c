"""Denoisers: from a model's prediction to the picture under the noise, which is all that samplers need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

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


@dataclass(frozen=True)
class Wanted:
    """Rows of a conditioning that are wanted up to the call `last`, counted from 0, with their weights.

    `negative` is the row to keep away from; None where it has no say.
    """

    last: int
    rows: tuple[int, ...]
    weights: tuple[float, ...]
    negative: int | None


def guided(family: Family, conditioning: Conditioning, wanted: Sequence[Wanted], scale: float) -> Predict:
    """The family's prediction under classifier-free guidance (Ho and Salimans, 2022): u + sum of scale w (c - u).

    Several texts side by side, each with its weight, are Liu et al.'s "Compositional Visual Generation" (2022). All
    rows of a call are predicted together. Without a negative row there is one text, whose prediction it is.
    """
    calls = count()
    ahead = iter(wanted)
    now = next(ahead)

    def predict(noisy: Tensor, timesteps: Tensor) -> Tensor:
        nonlocal now
        if next(calls) > now.last:
            now = next(ahead, now)
        rows = [*now.rows, *([now.negative] if now.negative is not None else [])]
        chosen = {name: states[rows] for name, states in conditioning.items()}
        found = family.predict(noisy.repeat(len(rows), 1, 1, 1), timesteps.repeat(len(rows)), chosen)
        if now.negative is None:
            return found
        *conds, uncond = found.chunk(len(rows))
        return sum(
            (scale * weight * (cond - uncond) for cond, weight in zip(conds, now.weights, strict=True)), uncond
        )

    return predict
