"""A change of the learning rate as people type it during a run: `x0.1` for a tenth, or the new rate itself."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from train_core.config.problems import UserError, problem
from train_core.config.syntax.signs import plain_signs


@dataclass(frozen=True)
class RateChange:
    """The new highest rate, or, when `relative`, what the present rates are multiplied by."""

    value: float
    relative: bool = False

    def __str__(self) -> str:
        return f"x{self.value:g}" if self.relative else f"{self.value:g}"


def parse_rate_change(text: str) -> RateChange:
    """The change that `text` asks for: a number, or a factor after x, × or *. Raises UserError for anything else."""
    match = re.fullmatch(r"\s*([xX×*]?)\s*(\S+)\s*", plain_signs(text))
    try:
        value = float(match.group(2)) if match else math.nan
    except ValueError:
        value = math.nan
    if not (match and 0 < value < math.inf):
        raise UserError(
            problem(
                "rate_not_understood",
                "The learning rate {text} cannot be read. Write a number above 0, such as 5e-5, or x0.1 for a tenth of "
                "the current rate.",
                text=repr(text.strip()),
            )
        )
    return RateChange(value, bool(match.group(1)))
