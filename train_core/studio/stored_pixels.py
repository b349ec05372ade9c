"""Pictures as their files hold them, before EXIF rotation: what is drawn on a picture is kept in these pixels.

So it stays where it is when another program turns the picture by its EXIF entry, which makes another file of it with
the same pixels. People see and draw on the upright picture.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from train_core.config.problems import UserError
from train_core.facts.file_cache import recall, shared_database
from train_core.facts.images.image_files import ImageHeader, orientation, unreadable

KIND = "studio-pixels-1"  # of fact in the cache of files
FARTHEST = 1_000_000  # pixels, of what somebody asks for
# For each EXIF orientation: whether width and height change places, and which axes of the upright picture are mirrored.
TURNS: Mapping[int, tuple[bool, bool, bool]] = {
    1: (False, False, False), 2: (False, True, False), 3: (False, True, True), 4: (False, False, True),
    5: (True, False, False), 6: (True, True, False), 7: (True, True, True), 8: (True, False, True),
}  # fmt: skip

Point = tuple[int, int]
Size = tuple[int, int]
Move = Callable[[Point, Size, int], Point]


@dataclass(frozen=True)
class Sheet:
    """What a picture's stored pixels are known by: a digest of them, and their size."""

    pixels: str
    size: Size


def turn_of(orientation: int) -> tuple[bool, bool, bool]:
    """What an EXIF orientation does, as in `TURNS`; nothing for one that is none."""
    return TURNS.get(orientation, TURNS[1])


def upright(point: Point, size: Size, turn: int) -> Point:
    """A point of the stored picture on the upright one. `size` is the stored one, `turn` the EXIF orientation."""
    swaps, mirrors_across, mirrors_down = turn_of(turn)
    x, y = reversed(point) if swaps else point
    width, height = reversed(size) if swaps else size
    return width - x if mirrors_across else x, height - y if mirrors_down else y


def stored(point: Point, size: Size, turn: int) -> Point:
    """A point of the upright picture on the stored one, whose size is `size`."""
    swaps, mirrors_across, mirrors_down = turn_of(turn)
    width, height = reversed(size) if swaps else size
    x, y = point
    x, y = width - x if mirrors_across else x, height - y if mirrors_down else y
    return (y, x) if swaps else (x, y)


def stored_size(path: Path) -> tuple[Size, int]:
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
    """Pictures on which nothing is drawn but whose pixels had something in a file that is gone, with its digest.

    `gone` is what was drawn on such files, as text. Only pictures of their sizes are decoded, and each of them once for
    as long as its file stays as it is: a picture that was deleted must not cost this whenever a dataset is opened.
    """
    wanted = {sheet: digest for digest, text in gone.items() if (sheet := read(text)[0]).pixels}
    sizes = {frozenset(sheet.size) for sheet in wanted}
    paths = {id: path for id, (path, head) in pictures.items() if frozenset((head.width, head.height)) in sizes}
    known = recall(list(paths.values()), KIND, _sheet_as_text, shared_database())
    found = {}
    for id, path in paths.items():
        if path in known:
            pixels, width, height = json.loads(known[path])
            digest = wanted.get(Sheet(pixels, (width, height)))
            if digest is not None:
                found[id] = digest
    return found


def _sheet_as_text(path: Path) -> str | None:
    try:
        return json.dumps([pixels_of(path), *stored_size(path)[0]])
    except UserError:  # it cannot be read any more, which whoever looks at it is told
        return None


# As text, for the journal


def read(text: str) -> tuple[Sheet, Mapping[str, Any]]:
    """The picture that a line of the journal was written for, and all that the line says."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Sheet("", (0, 0)), {}
    size, pixels = said.get("size"), said.get("pixels")
    sides = [one for one in size if type(one) is int and one > 0] if isinstance(size, list) else []
    return Sheet(pixels if isinstance(pixels, str) else "", (sides[0], sides[1]) if len(sides) == 2 else (0, 0)), said


def rows_of(given: Any) -> list[Mapping[str, Any]]:
    """The rows of a list that a page or a file has given."""
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def whole(given: Any) -> int | None:
    """A number that a page or a file has given as whole pixels, None if it is none."""
    if type(given) not in (int, float) or math.isnan(given):
        return None
    return round(min(max(given, -FARTHEST), FARTHEST))
