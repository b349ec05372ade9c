"""Faces given at the end of image file names: `<name>_<centre x>_<centre y>_<width>_<height>`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FACE = re.compile(r"_(\d+)_(\d+)_(\d+)_(\d+)$")


@dataclass(frozen=True)
class Face:
    """A face's centre and size in pixels of the image as a viewer shows it."""

    x: int
    y: int
    width: int
    height: int


def face_in(path: Path) -> Face | None:
    """The face given in the name of `path`."""
    found = _FACE.search(path.stem)
    if not found or not (int(found[3]) and int(found[4])):
        return None
    return Face(*map(int, found.groups()))


def without_face(stem: str) -> str:
    """The name without its numbers, which caption files may leave out."""
    return _FACE.sub("", stem)
