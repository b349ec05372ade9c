"""Boxes: named parts of a picture, which are exported as pictures of their own.

A box is kept in pixels of the picture as it is stored, before EXIF rotation, and belongs to its pixels: so it stays
where it is when another program turns the picture by its EXIF entry. People see and draw it on the upright picture.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from PIL import Image

from train_core.config.problems import UserError, problem
from train_core.facts.file_cache import recall, shared_database
from train_core.facts.images.image_files import ImageHeader, orientation, unreadable
from train_core.studio.vision.box import Box as Rectangle

KIND = "studio-pixels-1"  # of fact in the cache of files
SMALLEST = 64  # pixels of a side, which is what trainings take at least
STEP = 64
MOST_BOXES, LONGEST_NAME, LONGEST_CAPTION = 20, 60, 20_000
FARTHEST = 1_000_000  # pixels, of what somebody asks for
ASPECT = re.compile(r"([1-9]\d?):([1-9]\d?)")
How = Literal["fill", "mask"]
# For each EXIF orientation: whether width and height change places, and which axes of the upright picture are mirrored.
TURNS: Mapping[int, tuple[bool, bool, bool]] = {
    1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip


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
    size: tuple[int, int]
    boxes: tuple[Box, ...]


def checked(given: Any, width: int, height: int) -> tuple[Box, ...]:
    """Boxes that came from a page, snapped and within a picture of this size. Raises UserError for what is none."""
    rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    boxes = tuple(_read(row) for row in rows)
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


def upright(box: Box, size: tuple[int, int], turn: int) -> Box:
    """A stored box as it lies on the upright picture. `size` is the stored one, `turn` the EXIF orientation."""
    swaps, mirrors_across, mirrors_down = TURNS.get(turn, TURNS[1])
    width, height = size
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if swaps:
        left, top, right, bottom = top, left, bottom, right
        width, height = height, width
    if mirrors_across:
        left, right = width - right, width - left
    if mirrors_down:
        top, bottom = height - bottom, height - top
    return replace(box, left=left, top=top, right=right, bottom=bottom)


def stored(box: Box, size: tuple[int, int], turn: int) -> Box:
    """A box on the upright picture as it lies on the stored one, whose size is `size`."""
    swaps, mirrors_across, mirrors_down = TURNS.get(turn, TURNS[1])
    width, height = reversed(size) if swaps else size
    left, top, right, bottom = box.left, box.top, box.right, box.bottom
    if mirrors_across:
        left, right = width - right, width - left
    if mirrors_down:
        top, bottom = height - bottom, height - top
    if swaps:
        left, top, right, bottom = top, left, bottom, right
    return replace(box, left=left, top=top, right=right, bottom=bottom)


def stored_size(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a picture as it is stored, and its EXIF orientation. Raises UserError."""
    return _of_picture(path, lambda image: (image.size, orientation(image)))


def pixels_of(path: Path) -> str:
    """A digest of the stored pixels, which EXIF entries do not change. Raises UserError."""
    return _of_picture(path, lambda image: hashlib.blake2b(
        f"{image.mode} {image.size}".encode() + image.tobytes(), digest_size=20
    ).hexdigest())  # fmt: skip


def _of_picture(path: Path, what: Callable[[Image.Image], Any]) -> Any:
    try:
        with Image.open(path) as image:
            return what(image)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise unreadable(path, error) from error


def turned(gone: Mapping[str, str], pictures: Mapping[int, tuple[Path, ImageHeader]]) -> dict[int, str]:
    """Pictures without boxes whose pixels had some in a file that is gone, with that file's digest.

    `gone` are the boxes of such files as text. Only pictures of their sizes are decoded, and each of them once for as
    long as its file stays as it is: a picture that was deleted must not cost this whenever a dataset is opened.
    """
    wanted = {(kept.pixels, kept.size): digest for digest, text in gone.items() if (kept := from_text(text)).pixels}
    sizes = {frozenset(size) for _, size in wanted}
    paths = {id: path for id, (path, head) in pictures.items() if frozenset((head.width, head.height)) in sizes}
    known = recall(list(paths.values()), KIND, _pixels_as_text, shared_database())
    found = {}
    for id, path in paths.items():
        if path in known:
            pixels, width, height = json.loads(known[path])
            digest = wanted.get((pixels, (width, height)))
            if digest is not None:
                found[id] = digest
    return found


def _pixels_as_text(path: Path) -> str | None:
    try:
        return json.dumps([pixels_of(path), *stored_size(path)[0]])
    except UserError:  # it cannot be read any more, which whoever looks at it is told
        return None


# As text, for the journal


def as_text(boxed: Boxed) -> str:
    """The boxes of a picture as one line."""
    said = {"pixels": boxed.pixels, "size": list(boxed.size), "boxes": [_row(box) for box in boxed.boxes]}
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def _row(box: Box) -> dict[str, Any]:
    return {key: value for key, value in asdict(box).items() if value not in ("", "fill")}


def from_text(text: str) -> Boxed:
    """The boxes that a line holds; what is none is left out."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Boxed("", (0, 0), ())
    size, rows, pixels = said.get("size"), said.get("boxes"), said.get("pixels")
    sides = [one for one in size if type(one) is int and one > 0] if isinstance(size, list) else []
    boxes = [_read(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return Boxed(
        pixels if isinstance(pixels, str) else "", (sides[0], sides[1]) if len(sides) == 2 else (0, 0),
        tuple(box for box in boxes[:MOST_BOXES] if is_box_name(box.name)),
    )  # fmt: skip


def _read(row: Mapping[str, Any]) -> Box:
    """A box from whatever a row holds."""

    def word(key: str, most: int = LONGEST_NAME) -> str:
        given = row.get(key)
        return given[:most] if isinstance(given, str) else ""

    def whole(key: str) -> int:
        given: Any = row.get(key)
        if type(given) not in (int, float) or math.isnan(given):
            return 0
        return round(min(max(given, -FARTHEST), FARTHEST))

    how, snap = word("how"), word("snap")
    return Box(
        word("name"), whole("left"), whole("top"), whole("right"), whole("bottom"), word("minus"),
        "mask" if how in get_args(How)[1:] else "fill",
        snap if snap == str(STEP) or ASPECT.fullmatch(snap) else "", word("caption", LONGEST_CAPTION),
    )  # fmt: skip


def names_of(text: str) -> frozenset[str]:
    """The names of the boxes that a line holds, in lower case."""
    return frozenset(box.name.lower() for box in from_text(text).boxes) if text else frozenset()
