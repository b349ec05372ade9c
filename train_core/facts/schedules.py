"""Learning-rate schedules as plain functions, equal to those of diffusers and transformers by the same names."""

from __future__ import annotations

import math

POLYNOMIAL_END_RATE = 1e-7  # where diffusers' polynomial schedule stays


def warmup_steps(text: str, total: int) -> int:
    """Warm-up in optimizer steps, from a count ("100"), a share below one ("0.1") or a percentage ("10%") of `total`.

    Never more than `total`. Raises ValueError for anything else; settings check the form before.
    """
    text = text.strip()
    if text.endswith("%"):
        share = float(text[:-1]) / 100
    elif text.isdecimal():
        return min(int(text), total)
    else:
        share = float(text)
        if not 0 <= share < 1:
            raise ValueError(f"A warm-up of {text} is neither a whole number of steps nor a share below 1.")
    return min(int(total * share), total)


def learning_rate_factor(
    name: str, step: int, total: int, warmup: int = 0, *, cycles: int = 1, power: float = 1.0, end: float = 0.0
) -> float:
    """What the learning rate is multiplied by at `step` (from 0) of `total` steps under the schedule `name`.

    `warmup` is in steps, `cycles` counts the restarts of cosine_with_restarts, `power` bends polynomial and `end` is
    the factor at which it stays (diffusers' is POLYNOMIAL_END_RATE divided by the learning rate). Raises KeyError for
    an unknown name.
    """
    shape = _SHAPES[name]
    if name == "constant":
        return 1.0
    if step < warmup:
        return step / max(1, warmup)
    progress = (step - warmup) / max(1, total - warmup)
    return shape(min(1.0, progress), cycles, power, end)


def _constant(progress: float, cycles: int, power: float, end: float) -> float:
    return 1.0


def _linear(progress: float, cycles: int, power: float, end: float) -> float:
    return 1.0 - progress


def _cosine(progress: float, cycles: int, power: float, end: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def _cosine_with_restarts(progress: float, cycles: int, power: float, end: float) -> float:
    if progress >= 1.0:
        return 0.0
    return 0.5 * (1.0 + math.cos(math.pi * ((cycles * progress) % 1.0)))


def _polynomial(progress: float, cycles: int, power: float, end: float) -> float:
    if progress >= 1.0:
        return end
    return (1.0 - end) * (1.0 - progress) ** power + end


_SHAPES = {
    "constant": _constant,
    "constant_with_warmup": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _cosine_with_restarts,
    "polynomial": _polynomial,
}
