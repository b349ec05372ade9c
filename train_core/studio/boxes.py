"""Boxes: named parts of a picture, which are exported as pictures of their own.

A box is kept in pixels of the picture as it is stored (`stored_pixels.py`); people see and draw it on the upright
picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, get_args

from train_core.config.problems import UserError, problem
from train_core.studio import stored_pixels
from train_core.studio.stored_pixels import Move, Size, read, rows_of, whole
from train_core.studio.vision.box import Box as Rectangle

SMALLEST = 64  # pixels of a side, which is what trainings take at least
STEP = 64
MOST_BOXES, LONGEST_NAME, LONGEST_CAPTION = 20, 60, 20_000
ASPECT = re.compile(r"([1-9]\d?):([1-9]\d?)")
How = Literal["fill", "mask"]


@dataclass(frozen=True)
class Box:
    """A named part of a picture, in its pixels. `minus` is the name of boxes that are taken out of it.

    What is taken out is filled, or left out of the loss by a mask. `snap` is "" for any size, "64" for multiples of 64,
    or an aspect such as "2:3". Without a caption of its own it has that of the picture.
    """

    name: str
    left: int
    top: int
    right: int
    bottom: int
    minus: str = ""
    how: How = "fill"
    snap: str = ""
    caption: str = ""

    @property
    def size(self) -> tuple[int, int]:
        return self.right - self.left, self.bottom - self.top

    @property
    def rectangle(self) -> Rectangle:
        return Rectangle(self.left, self.top, self.right, self.bottom)


@dataclass(frozen=True)
class Boxed:
    """All boxes of a picture as they are stored: `size` is that before EXIF rotation, `pixels` a digest of it."""

    pixels: str
    size: Size
    boxes: tuple[Box, ...]


def checked(given: Any, width: int, height: int) -> tuple[Box, ...]:
    """Boxes that came from a page, snapped and within a picture of this size. Raises UserError for what is none."""
    boxes = tuple(_read(row) for row in rows_of(given))
    names = {box.name for box in boxes}
    wrong = len(boxes) > MOST_BOXES or not all(is_box_name(box.name) for box in boxes)
    if wrong or not all(not box.minus or (box.minus in names and box.minus != box.name) for box in boxes):
        raise UserError(
            problem(
                "studio_boxes",
                "Boxes need names, and what is taken out of one must be another box of the same picture; a picture can "
                "have up to {most}.",
                most=MOST_BOXES,
            )
        )
    return tuple(snapped(box, width, height) for box in boxes)


def is_box_name(name: str) -> bool:
    """Whether boxes can be called so."""
    return 0 < len(name) <= LONGEST_NAME and name == name.strip() and name.isprintable()


def snapped(box: Box, width: int, height: int) -> Box:
    """The box within a picture of this size, at least 64 pixels a side where it is that large, as `box.snap` says."""
    left, right = sorted((box.left, box.right))
    top, bottom = sorted((box.top, box.bottom))
    across = min(max(right - left, SMALLEST), width)
    down = min(max(bottom - top, SMALLEST), height)
    if box.snap == str(STEP):
        across, down = _in_steps(across, width), _in_steps(down, height)
    elif (aspect := ASPECT.fullmatch(box.snap)) is not None:
        across, down = _of_aspect(across, down, int(aspect[1]) / int(aspect[2]), width, height)
    left = min(max((left + right - across) // 2, 0), width - across)
    top = min(max((top + bottom - down) // 2, 0), height - down)
    return replace(box, left=left, top=top, right=left + across, bottom=top + down)


def _in_steps(length: int, most: int) -> int:
    """The nearest multiple of 64 that fits; a picture that is smaller than one as it is."""
    steps = min(max(1, round(length / STEP)), most // STEP)
    return steps * STEP if steps else most


def _of_aspect(across: int, down: int, aspect: float, width: int, height: int) -> tuple[int, int]:
    """Width and height of this aspect and about the same area, if that fits."""
    if round(across / aspect) == down:
        return across, down
    wanted = max((across * down * aspect) ** 0.5, SMALLEST, SMALLEST * aspect)
    across = max(1, int(min(wanted, width, height * aspect)))
    return across, min(max(1, round(across / aspect)), height)


# Upright and stored


def upright(box: Box, size: Size, turn: int) -> Box:
    """A stored box as it lies on the upright picture. `size` is the stored one, `turn` the EXIF orientation."""
    return _moved(box, stored_pixels.upright, size, turn)


def stored(box: Box, size: Size, turn: int) -> Box:
    """A box on the upright picture as it lies on the stored one, whose size is `size`."""
    return _moved(box, stored_pixels.stored, size, turn)


def _moved(box: Box, move: Move, size: Size, turn: int) -> Box:
    corners = move((box.left, box.top), size, turn), move((box.right, box.bottom), size, turn)
    (left, right), (top, bottom) = (sorted(sides) for sides in zip(*corners, strict=True))
    return replace(box, left=left, top=top, right=right, bottom=bottom)


# As text, for the journal


def as_text(boxed: Boxed) -> str:
    """The boxes of a picture as one line."""
    said = {"pixels": boxed.pixels, "size": list(boxed.size), "boxes": [_row(box) for box in boxed.boxes]}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def _row(box: Box) -> dict[str, Any]:
    return {key: value for key, value in asdict(box).items() if value not in ("", "fill")}


def from_text(text: str) -> Boxed:
    """The boxes that a line holds; what is none is left out."""
    sheet, said = read(text)
    boxes = [_read(row) for row in rows_of(said.get("boxes"))]
    return Boxed(sheet.pixels, sheet.size, tuple(box for box in boxes[:MOST_BOXES] if is_box_name(box.name)))


def _read(row: Mapping[str, Any]) -> Box:
    """A box from whatever a row holds."""

    def word(key: str, most: int = LONGEST_NAME) -> str:
        given = row.get(key)
        return given[:most] if isinstance(given, str) else ""

    how, snap = word("how"), word("snap")
    left, top, right, bottom = (whole(row.get(side)) or 0 for side in ("left", "top", "right", "bottom"))
    return Box(
        word("name"), left, top, right, bottom, word("minus"),
        "mask" if how in get_args(How)[1:] else "fill",
        snap if snap == str(STEP) or ASPECT.fullmatch(snap) else "", word("caption", LONGEST_CAPTION),
    )  # fmt: skip


def names_of(text: str) -> frozenset[str]:
    """The names of the boxes that a line holds, in lower case."""
    return frozenset(box.name.lower() for box in from_text(text).boxes) if text else frozenset()
