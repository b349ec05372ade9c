"""Looking at picture files with the models: each is decoded once, whatever is looked for. Imports cv2, onnxruntime."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from train_core.facts.images.image_files import image_size
from train_core.facts.models.thumbnails import small_picture
from train_core.studio.vision.box import Box
from train_core.studio.vision.faces import faces
from train_core.studio.vision.nets import Pixels
from train_core.studio.vision.persons import person_box
from train_core.studio.vision.texts import text_boxes

SIDE = 1280  # pixels of the longer side at which pictures are looked at


class Looker:
    """A few pictures, with the finders for what is on them. Keeps what it has decoded.

    `finders` give boxes in pixels of the upright picture in its own size; they raise whatever Pillow raises for what is
    no picture.
    """

    def __init__(self) -> None:
        self._pictures: dict[Path, Pixels] = {}
        self._faces: dict[Path, list[Box]] = {}
        self.finders: Mapping[str, Callable[[Path], Sequence[Box]]] = {
            "faces": self._faces_on, "person": self._person_on, "text": self._text_on,
        }  # fmt: skip

    def _faces_on(self, path: Path) -> list[Box]:
        return self._in_its_size(path, self._small_faces(path))

    def _person_on(self, path: Path) -> list[Box]:
        box = person_box(self._picture(path), self._small_faces(path))
        return self._in_its_size(path, [] if box is None else [box])

    def _text_on(self, path: Path) -> list[Box]:
        return self._in_its_size(path, text_boxes(self._picture(path)))

    def _small_faces(self, path: Path) -> list[Box]:
        if path not in self._faces:
            self._faces[path] = faces(self._picture(path))
        return self._faces[path]

    def _picture(self, path: Path) -> Pixels:
        """The picture upright as RGB (height, width, 3), its longer side at most 1,280 pixels."""
        if path not in self._pictures:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                self._pictures[path] = np.array(small_picture(path, SIDE))
        return self._pictures[path]

    def _in_its_size(self, path: Path, boxes: Sequence[Box]) -> list[Box]:
        height, width = self._picture(path).shape[:2]
        full_width, full_height = image_size(path)
        return [box.scaled(full_width / width, full_height / height) for box in boxes]
