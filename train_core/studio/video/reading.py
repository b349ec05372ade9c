"""Videos read picture by picture, by OpenCV. Imports cv2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from train_core.config.problems import UserError, problem
from train_core.studio.measures import laplacian_variance
from train_core.studio.video.scenes import Frame

COMPARED, LOOKED_AT = 160, 640  # pixels of the longer side by which pictures are compared, and their sharpness is seen
USUAL = 25.0  # pictures in a second, of a video that does not say
Pixels = np.ndarray[Any, np.dtype[np.uint8]]


class Video:
    """An open video: its pictures in their order, each only once."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture
        said = float(capture.get(cv2.CAP_PROP_FPS))
        self.per_second = said if 1 <= said <= 1000 else USUAL
        self.count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))  # as the file says, which may be wrong

    def measured(self) -> Iterator[Frame]:
        """The measures of one picture after the other."""
        before: Pixels | None = None
        while True:
            there, pixels = self._capture.read()
            if not there:
                return
            now = np.asarray(cv2.cvtColor(_smaller(pixels, COMPARED), cv2.COLOR_BGR2HSV), np.uint8)
            grey = np.asarray(cv2.cvtColor(_smaller(pixels, LOOKED_AT), cv2.COLOR_BGR2GRAY), np.float32)
            difference = 0.0 if before is None or before.shape != now.shape else _difference(before, now)
            yield Frame(difference, laplacian_variance(grey))
            before = now

    def pictures(self, numbers: set[int]) -> Iterator[tuple[int, Image.Image]]:
        """The pictures with these numbers, from 0 on, in their order."""
        last = max(numbers, default=-1)
        for number in range(last + 1):
            if not self._capture.grab():
                return
            if number in numbers:
                there, pixels = self._capture.retrieve()
                if there:
                    yield number, Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


@contextmanager
def opened(path: Path) -> Iterator[Video]:
    """The video in a file. Raises UserError for one that cannot be read."""
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise UserError(
                problem(
                    "video_unreadable", "{path} cannot be read as a video. Convert it to MP4 (H.264), and try again.",
                    path=str(path),
                )
            )  # fmt: skip
        yield Video(capture)
    finally:
        capture.release()


def _smaller(pixels: Pixels, side: int) -> Pixels:
    height, width = pixels.shape[:2]
    share = side / max(height, width)
    if share >= 1:
        return pixels
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _difference(before: Pixels, now: Pixels) -> float:
    """The mean difference of hue, saturation and brightness, 0 to 255. Hues are a circle of 180."""
    apart = np.abs(before.astype(np.int16) - now.astype(np.int16))
    hue = np.minimum(apart[..., 0], 180 - apart[..., 0]) * (255 / 90)
    return float((hue.mean() + apart[..., 1].mean() + apart[..., 2].mean()) / 3)
