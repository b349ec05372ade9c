"""Which blocks of an adapter matter: how much pictures change when one of them is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from train_core.facts.grids.each_block import left_out
from train_core.facts.grids.folder import GridFacts, GridFolder

SIDE = 96  # pixels, to which pictures are made smaller; finer noise does not count
Pixels = np.ndarray  # (h, w, 3), fp32, 0 to 1


@dataclass(frozen=True)
class Effect:
    """A block, and how much leaving it out changes pictures, as a part of what the whole adapter changes."""

    block: str
    share: float


def effects(folder: GridFolder, facts: GridFacts) -> list[Effect]:
    """The blocks that an axis leaves out in turn, the one that changes most first; none until all that is drawn.

    Root mean squares of the differences of pixels, over all other axes.
    """
    try:
        return _effects(folder, facts)
    except (OSError, Image.DecompressionBombError):  # a picture was taken away meanwhile, or is another one
        return []


def _effects(folder: GridFolder, facts: GridFacts) -> list[Effect]:
    found = [(place, known) for place, axis in enumerate(facts.axes) if axis.kind == "blocks"
             if (known := left_out(axis.labels)) is not None]  # fmt: skip
    if not found or not {*facts.cells, *facts.without} <= folder.drawn():
        return []
    axis, (whole, blocks) = found[0]
    count = len(facts.axes[axis].labels)
    stride = math.prod(len(one.labels) for one in facts.axes[axis + 1 :])
    squares = dict.fromkeys(blocks, 0.0)
    most = 0.0
    for cell in range(len(facts.cells)):
        place = cell // stride % count
        full = facts.cells[cell + (whole - place) * stride]
        if place == whole:
            most += _apart(folder.picture(full), folder.picture(facts.without[cell]))
        elif place in blocks:
            squares[place] += _apart(folder.picture(full), folder.picture(facts.cells[cell]))
    if not most:
        return []
    shares = [Effect(blocks[place], math.sqrt(square / most)) for place, square in squares.items()]
    return sorted(shares, key=lambda one: -one.share)


def _apart(one: Path, other: Path) -> float:
    """The mean square of the differences of two pictures of the same size."""
    return float(np.square(_pixels(one) - _pixels(other)).mean())


@lru_cache(maxsize=512)
def _pixels(path: Path) -> Pixels:
    """A picture of a grid, whose name is made of its content, made smaller."""
    with Image.open(path) as image:
        image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
        return np.asarray(image.convert("RGB"), dtype=np.float32) / 255
