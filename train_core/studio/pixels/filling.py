"""Parts of a picture in one colour: what is to be forgotten, in the mean colour of what is around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from train_core.studio.vision.box import Box

Pixels = NDArray[np.uint8]  # (height, width, 3), RGB
Where = NDArray[np.bool_]  # (height, width)
LEAST_AROUND = 8  # pixels around a part whose colour is taken
NOTHING_AROUND = 255  # white


def inside(boxes: Iterable[Box], size: tuple[int, int]) -> Where:
    """Which pixels of a picture of this width and height lie in one of the boxes."""
    width, height = size
    where = np.zeros((height, width), dtype=bool)
    for box in boxes:
        where[max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = True
    return where


def filled(pixels: Pixels, where: Where) -> Pixels:
    """The picture with all of `where` in the mean colour of everything else."""
    changed = pixels.copy()
    changed[where] = _mean(pixels[~where])
    return changed


def filled_each(pixels: Pixels, where: Where, parts: Sequence[Box]) -> Pixels:
    """The picture with `where` filled, within each of `parts` in the mean colour of what is near around that part.

    Parts that overlap are filled as one.
    """
    changed = pixels.copy()
    for part in joined(parts):
        reach = max(LEAST_AROUND, (part.right - part.left) // 4, (part.bottom - part.top) // 4)
        rows = slice(max(0, part.top - reach), max(0, part.bottom + reach))
        columns = slice(max(0, part.left - reach), max(0, part.right + reach))
        colour = _mean(pixels[rows, columns][~where[rows, columns]])
        rows, columns = slice(max(0, part.top), max(0, part.bottom)), slice(max(0, part.left), max(0, part.right))
        changed[rows, columns][where[rows, columns]] = colour
    return changed


def joined(parts: Iterable[Box]) -> list[Box]:
    """The boxes with one around those that overlap."""
    found: list[Box] = []
    for part in parts:
        whole = part
        while touching := [one for one in found if _touch(one, whole)]:
            found = [one for one in found if one not in touching]
            whole = around([whole, *touching])
        found.append(whole)
    return found


def around(boxes: Sequence[Box]) -> Box:
    """One box around all of these."""
    return Box(
        min(box.left for box in boxes), min(box.top for box in boxes), max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )  # fmt: skip


def _touch(one: Box, other: Box) -> bool:
    return (
        one.left < other.right and other.left < one.right and one.top < other.bottom and other.top < one.bottom
    )


def _mean(around: Pixels) -> Pixels:
    """The mean of colours (count, 3)."""
    if not len(around):
        return np.full(3, NOTHING_AROUND, dtype=np.uint8)
    mean: Pixels = around.mean(axis=0).round().astype(np.uint8)
    return mean
