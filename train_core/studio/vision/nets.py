"""The models that come with the program, read by OpenCV. Imports cv2, so only what looks at pictures imports this."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Net:
    """A model of this folder. Safe for several threads, one of which is calculated at a time."""

    def __init__(self, name: str, outputs: Sequence[str]) -> None:
        content = np.frombuffer(Path(__file__).with_name(name).read_bytes(), dtype=np.uint8)
        self._net = cv2.dnn.readNetFromTFLite(content)  # not by path, which OpenCV cannot open everywhere on Windows
        self._outputs = list(outputs)
        self._lock = Lock()

    def __call__(self, batch: Floats) -> list[Floats]:
        """What the model gives for pictures (count, 3, height, width), one array for each of its outputs."""
        with self._lock:
            self._net.setInput(batch)
            return [np.array(one, np.float32) for one in self._net.forward(self._outputs)]


@cache
def net(name: str, *outputs: str) -> Net:
    """A model of this folder by its file's name, loaded once."""
    return Net(name, outputs)


def resized(picture: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """`picture` (height, width[, channels]) in another size; pixels are averaged where it becomes smaller."""
    smaller = width * height < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
