"""Factors on the learning rate of each U-Net block: numbers, or a named curve with an offset such as `sine+.2`."""

from __future__ import annotations

import math
from collections.abc import Callable

from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.sections.rates import RateSettings
from train_core.kinds import BlockLayout

CURVES: dict[str, Callable[[float], float]] = {
    "cosine": lambda x: math.cos(math.pi / 2 * x),
    "sine": lambda x: math.sin(math.pi / 2 * x),
    "linear": lambda x: x,
    "reverse_linear": lambda x: 1 - x,
    "zeros": lambda x: 0.0,
}


def block_factors(rates: RateSettings, layout: BlockLayout) -> list[float]:
    """The factor of every block of a U-Net with this `layout`, by the block's index; 0 is not trained.

    Blocks without a factor of their own get 1. Raises `UserError` with all that cannot be read or is too much.
    """
    before, down, middle, up, after = layout
    problems: list[Problem] = []
    factors = [1.0] * before
    for name, count in (("down_lr_weight", down), ("mid_lr_weight", middle), ("up_lr_weight", up)):
        try:
            factors += read_factors(getattr(rates, name), count, name)
        except UserError as error:
            problems += error.problems
    raise_if_any(problems)
    factors += [1.0] * after
    return [0.0 if factor <= rates.block_lr_zero_threshold else factor for factor in factors]


def read_factors(text: str, count: int, setting_name: str) -> list[float]:
    """`count` factors from numbers with commas between them (an empty one is 0, missing ones are 1) or a curve's name.

    A curve runs from 0 at the first to 1 at the last block. Raises `UserError` naming what cannot be read.
    """
    if not text.strip():
        return [1.0] * count
    name, plus, offset = (piece.strip() for piece in text.partition("+"))
    if name in CURVES:
        shift = _factor(offset, setting_name) if plus else 0.0
        return [CURVES[name](place / max(1, count - 1)) + shift for place in range(count)]
    factors = [_factor(item, setting_name) for item in text.split(",")]
    if len(factors) > count:
        raise UserError(
            problem(
                "too_many_block_rates",
                "{name} has {found} factors, but this model has only {count} such blocks. Remove the rest.",
                name=setting_name, found=len(factors), count=count,
            )
        )
    return factors + [1.0] * (count - len(factors))


def _factor(text: str, setting_name: str) -> float:
    try:
        factor = float(text) if text.strip() else 0.0
    except ValueError:
        factor = -1.0
    if not 0 <= factor < math.inf:
        raise UserError(
            problem(
                "bad_block_rate",
                "{name}: {value} must be a factor of 0 or more, or one of {curves}. Write for example 1,1,0.5 or "
                "sine+0.2.",
                name=setting_name, value=repr(text), curves=", ".join(CURVES),
            )
        )
    return factor
