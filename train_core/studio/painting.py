"""What is painted on a picture: strokes of a brush, and areas of a lasso, that are erased or left out of the loss.

Like boxes they are kept in pixels of the picture as it is stored (`stored_pixels.py`), and drawn there before the
picture is turned: so they cover the same pixels however its EXIF entry turns it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageDraw

from train_core.config.problems import UserError, problem
from train_core.studio import stored_pixels
from train_core.studio.pixels.filling import Where
from train_core.studio.stored_pixels import Move, Point, Size, read, rows_of, turn_of, whole
from train_core.studio.vision.box import Box as Rectangle

What = Literal["fill", "inpaint", "mask"]
FILL, INPAINT, MASK = KINDS = ("fill", "inpaint", "mask")
MOST_STROKES, MOST_POINTS = 300, 20_000  # on a picture
MOST_RADIUS = 4_000  # pixels


@dataclass(frozen=True)
class Stroke:
    """A stroke of a round brush of this radius along points, or the area within them where the radius is 0.

    `what` becomes of it: filled with the colour around it, painted over from around it, or left out of the loss.
    """

    what: What
    radius: int
    points: tuple[Point, ...]

    @property
    def rectangle(self) -> Rectangle:
        """Around all of it."""
        across, down = [x for x, _ in self.points], [y for _, y in self.points]
        more = self.radius + 1
        return Rectangle(min(across) - more, min(down) - more, max(across) + more, max(down) + more)


@dataclass(frozen=True)
class Painted:
    """All that is painted on a picture, as it is stored: `size` is that before EXIF rotation, `pixels` a digest."""

    pixels: str
    size: Size
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True)
class Layers:
    """What is painted, on the upright picture: the pixels of each kind, and boxes around what is filled and masked."""

    fill: Where
    inpaint: Where
    mask: Where
    parts: tuple[Rectangle, ...]


def checked(given: Any, width: int, height: int) -> tuple[Stroke, ...]:
    """Strokes that came from a page, on a picture of this size. Raises UserError for more than there can be."""
    strokes = _read_all(given)
    if len(strokes) > MOST_STROKES or sum(len(one.points) for one in strokes) > MOST_POINTS:
        raise UserError(
            problem(
                "studio_painted", "More cannot be painted on a picture: up to {most} strokes. Take some back with Z, "
                "or draw around large parts with the lasso.", most=MOST_STROKES,
            )
        )  # fmt: skip
    return tuple(one for one in strokes if _touches(one, width, height))


def _touches(stroke: Stroke, width: int, height: int) -> bool:
    around = stroke.rectangle
    return around.left < width and around.top < height and around.right > 0 and around.bottom > 0


# Upright and stored


def upright_strokes(painted: Painted, turn: int) -> tuple[Stroke, ...]:
    """Stored strokes as they lie on the upright picture; `turn` is the EXIF orientation."""
    return tuple(_moved(stroke, stored_pixels.upright, painted.size, turn) for stroke in painted.strokes)


def stored_strokes(strokes: Iterable[Stroke], size: Size, turn: int) -> tuple[Stroke, ...]:
    """Strokes on the upright picture as they lie on the stored one, whose size is `size`."""
    return tuple(_moved(stroke, stored_pixels.stored, size, turn) for stroke in strokes)


def _moved(stroke: Stroke, move: Move, size: Size, turn: int) -> Stroke:
    return replace(stroke, points=tuple(move(point, size, turn) for point in stroke.points))


def layers(painted: Painted, turn: int) -> Layers:
    """What is painted, as areas of the upright picture."""
    drawn = {kind: _turned(_area(painted, kind), turn) for kind in KINDS}
    parts = tuple(one.rectangle for one in upright_strokes(painted, turn) if one.what != INPAINT)
    return Layers(drawn[FILL], drawn[INPAINT], drawn[MASK], parts)


def _area(painted: Painted, kind: str) -> Where:
    """The pixels of the stored picture that strokes of a kind cover."""
    sheet = Image.new("1", painted.size)
    draw = ImageDraw.Draw(sheet)
    for stroke in painted.strokes:
        if stroke.what != kind:
            continue
        if not stroke.radius:
            draw.polygon(stroke.points, fill=1)
            continue
        for x, y in stroke.points:
            draw.ellipse((x - stroke.radius, y - stroke.radius, x + stroke.radius, y + stroke.radius), fill=1)
        for start, end in pairwise(stroke.points):
            draw.line((*start, *end), fill=1, width=2 * stroke.radius + 1)
    return np.array(sheet, dtype=bool)


def _turned(area: Where, turn: int) -> Where:
    swaps, mirrors_across, mirrors_down = turn_of(turn)
    turned = area.T if swaps else area
    return turned[:: -1 if mirrors_down else 1, :: -1 if mirrors_across else 1]


# As text, for the journal


def as_text(painted: Painted) -> str:
    """What is painted on a picture as one line."""
    said = {"pixels": painted.pixels, "size": painted.size, "strokes": [asdict(one) for one in painted.strokes]}
    return json.dumps(said, separators=(",", ":"))


def from_text(text: str) -> Painted:
    """What a line says is painted; what is none is left out."""
    sheet, said = read(text)
    return Painted(sheet.pixels, sheet.size, tuple(_read_all(said.get("strokes"))[:MOST_STROKES]))


def _read_all(given: Any) -> list[Stroke]:
    """Strokes from whatever rows hold."""
    return [stroke for row in rows_of(given) if (stroke := _read(row)) is not None]


def _read(row: Mapping[str, Any]) -> Stroke | None:
    what, radius, given = row.get("what"), whole(row.get("radius")), row.get("points")
    points = [_point(one) for one in given[: MOST_POINTS + 1]] if isinstance(given, list) else []
    found = tuple(one for one in points if one is not None)
    if what not in KINDS or radius is None or not found or (radius <= 0 and len(found) < 3):
        return None
    return Stroke(what, min(max(radius, 0), MOST_RADIUS), found)


def _point(given: Any) -> Point | None:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != 2:
        return None
    x, y = whole(given[0]), whole(given[1])
    return None if x is None or y is None else (x, y)


def kinds_of(text: str) -> frozenset[str]:
    """What becomes of what a line says is painted."""
    return frozenset(stroke.what for stroke in from_text(text).strokes) if text else frozenset()
