"""Numbers as the panel says them."""

from __future__ import annotations

import math

from kohya_gui.i18n.messages import text

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def bytes_text(count: float) -> str:
    """A size with three digits or so: `36.0 MiB`, `144 MiB`, `1.2 GiB`."""
    place = min(len(UNITS) - 1, int(math.log2(max(1.0, count)) // 10))
    value = count / 1024**place
    return f"{value:.1f} {UNITS[place]}" if place and value < 100 else f"{value:.0f} {UNITS[place]}"


def percent_text(share: float) -> str:
    """A share as percent: `0 %`, `0.4 %`, `3 %`."""
    percent = 100 * share
    return f"{percent:.1f} %" if 0.05 <= percent < 0.95 else f"{percent:.0f} %"


def part_text(part: str, language: str) -> str:
    """The name of a part of the model."""
    return text(f"ui.plan.part.{part}", language)
