"""Numbers as the panel says them."""

from __future__ import annotations

from kohya_gui.i18n.messages import text


def percent_text(share: float) -> str:
    """A share as percent: `0 %`, `0.4 %`, `3 %`."""
    percent = 100 * share
    return f"{percent:.1f} %" if 0.05 <= percent < 0.95 else f"{percent:.0f} %"


def part_text(part: str, language: str) -> str:
    """The name of a part of the model."""
    return text(f"ui.plan.part.{part}", language)
