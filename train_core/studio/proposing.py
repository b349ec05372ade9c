"""Boxes that are proposed for a picture, from the faces and people that were found on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from train_core.studio.boxes import Box, snapped
from train_core.studio.vision.box import Box as Rectangle
from train_core.studio.vision.box import overlap
from train_core.studio.vision.found import Found

FACE, BODY = "face", "body"
# What a portrait of a face has around it, as shares of the face's width and height: beside it, above it (hair), below.
BESIDE, ABOVE, BELOW = 0.35, 0.5, 0.3
THERE = 0.5  # intersection over union with a box of that name from which it is there already


def proposed(found: Found, size: tuple[int, int], snap: str, there: Sequence[Box]) -> list[dict[str, Any]]:
    """Rows for boxes that a picture of this size could have besides those that are `there`, as a page sends them.

    Each face with what is around it; and all people together as one body, without the face where there is one.
    """
    rows = [_row(FACE, _portrait(face), snap) for face in found.faces]
    if found.person is not None:
        body = _row(BODY, found.person, snap)
        named = {box.name for box in there} | {row["name"] for row in rows}
        rows.append({**body, "minus": FACE} if FACE in named else body)
    return [row for row in rows if not _is_there(row, size, there)]


def _portrait(face: Rectangle) -> Rectangle:
    width, height = face.right - face.left, face.bottom - face.top
    return Rectangle(
        face.left - round(BESIDE * width), face.top - round(ABOVE * height), face.right + round(BESIDE * width),
        face.bottom + round(BELOW * height),
    )  # fmt: skip


def _row(name: str, place: Rectangle, snap: str) -> dict[str, Any]:
    return {
        "name": name, "left": place.left, "top": place.top, "right": place.right, "bottom": place.bottom, "snap": snap,
    }  # fmt: skip


def _is_there(row: dict[str, Any], size: tuple[int, int], there: Sequence[Box]) -> bool:
    box = snapped(Box(row["name"], row["left"], row["top"], row["right"], row["bottom"], snap=row["snap"]), *size)
    return any(one.name == box.name and overlap(one.rectangle, box.rectangle) >= THERE for one in there)
