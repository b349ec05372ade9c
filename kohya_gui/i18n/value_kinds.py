"""The type of a setting's value, and how numbers are written."""

from __future__ import annotations

import math
import types
from typing import Any, Union, get_args, get_origin

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def plain_type(annotation: Any) -> Any:
    """The type without its `| None`."""
    if get_origin(annotation) in (Union, types.UnionType):
        return next(a for a in get_args(annotation) if a is not type(None))
    return annotation


def number_text(value: float) -> str:
    """A number as people of this field write it: `1e-4`, `0.05`, `16`."""
    if value and abs(value) < 1e-2:
        mantissa, _, exponent = f"{value:.12e}".partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.12g}"


def bytes_text(count: float) -> str:
    """A size with three digits or so: `36.0 MiB`, `144 MiB`, `1.2 GiB`."""
    place = min(len(UNITS) - 1, int(math.log2(max(1.0, count)) // 10))
    value = count / 1024**place
    return f"{value:.1f} {UNITS[place]}" if place and value < 100 else f"{value:.0f} {UNITS[place]}"
