"""Spacings: which noise levels a sampler visits, from the strongest down."""

from __future__ import annotations

import math
from collections.abc import Callable

from train_core.diffusion.process import Process

RHO = 7.0  # of Karras et al. (2022)
DISTILLED_STEPS = 50  # of the DDIM that a latent consistency model learns to skip (Luo et al., 2023)


def uniform(process: Process, steps: int) -> list[float]:
    """Equal distances in time, from the strongest level to the weakest."""
    return [process.sigma(t) for t in process.times(steps, "even")]


def trailing(process: Process, steps: int) -> list[float]:
    """Equal distances in time, that from the last level to no noise among them."""
    return [process.sigma(t) for t in process.times(steps, "trailing")]


def distilled(process: Process, steps: int) -> list[float]:
    """Levels that a latent consistency model was trained at, at equal distances as far as these allow."""
    times = process.times(max(steps, DISTILLED_STEPS), "trailing")
    return [process.sigma(times[len(times) * i // steps]) for i in range(steps)]


def karras(process: Process, steps: int) -> list[float]:
    """Equal distances in sigma^(1/7), between the same ends as "uniform" (Karras et al., 2022, equation 5)."""
    first, last = (sigma ** (1 / RHO) for sigma in ends(process, steps))
    return [level**RHO for level in between(first, last, steps)]


def exponential(process: Process, steps: int) -> list[float]:
    """Equal distances in log sigma, between the same ends as "uniform"."""
    first, last = (math.log(sigma) for sigma in ends(process, steps))
    return [math.exp(level) for level in between(first, last, steps)]


def ends(process: Process, steps: int) -> tuple[float, float]:
    """The first and the last of equal distances in time."""
    levels = uniform(process, steps)
    return levels[0], levels[-1]


def between(first: float, last: float, count: int) -> list[float]:
    """`count` numbers at equal distances, `first` and `last` among them; of one it is the first."""
    return [first + (last - first) * i / max(count - 1, 1) for i in range(count)]


SPACINGS: dict[str, Callable[[Process, int], list[float]]] = {
    "uniform": uniform, "trailing": trailing, "distilled": distilled, "karras": karras, "exponential": exponential,
}  # fmt: skip
