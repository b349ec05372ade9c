"""A rectangle on a picture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright picture; right and bottom are the first ones beyond it.

    `score` in 0..1 says how sure it is that there is what was looked for.
    """

    left: int
    top: int
    right: int
    bottom: int
    score: float = 1.0

    @property
    def area(self) -> int:
        """How many pixels it covers."""
        return max(0, self.right - self.left) * max(0, self.bottom - self.top)

    def scaled(self, across: float, down: float) -> Box:
        """The same rectangle on the picture in another size: so many times as wide, and as high."""
        return Box(
            round(self.left * across), round(self.top * down), round(self.right * across), round(self.bottom * down),
            self.score,
        )  # fmt: skip


def overlap(first: Box, second: Box) -> float:
    """The pixels that two boxes share, divided by those that either covers (intersection over union)."""
    shared = _shared(first, second)
    return shared / (first.area + second.area - shared) if shared else 0.0


def contained(first: Box, second: Box) -> float:
    """The pixels that two boxes share, divided by those of the smaller one."""
    shared = _shared(first, second)
    return shared / min(first.area, second.area) if shared else 0.0


def _shared(first: Box, second: Box) -> int:
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    return max(0, width) * max(0, height)
