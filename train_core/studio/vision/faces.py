"""Faces on photographs: two finders propose places, and one of them decides, looking at each from near. Imports cv2.

The finders are BlazeFace in its short range (Bazarevsky et al., 2019), which sees the whole picture at 128 pixels and
so only large faces, and OpenCV's cascade (Viola and Jones, 2001), which sees small ones, and much that is no face.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock

import cv2
import numpy as np

from train_core.studio.vision.box import Box, contained, overlap
from train_core.studio.vision.nets import Floats, Pixels, net, resized

MODEL, OUTPUTS = "face_detection_short_range.tflite", ("classificators", "regressors")
SIDE = 128  # pixels of the model's input
GRIDS = ((8, 2), (16, 6))  # over the input: the stride in pixels, and the anchors at each place
PROPOSED, SURE = 0.5, 0.7  # scores from which on the model proposes a face, and sees one from near
NEAR = 2  # sides of a proposed face that are shown around it
SAME, MOSTLY = 0.3, 0.6  # overlap, and share of the smaller one, beyond which two boxes are of one face
CASCADE = "data/haarcascade_frontalface_alt2.xml"
CASCADE_SIDE, LEAST_FACE = 640, 20  # pixels of the longer side that the cascade sees; of the smallest face in it
CASCADE_STEP, NEIGHBOURS = 1.1, 2  # few neighbours, since what it proposes is looked at again


def faces(picture: Pixels) -> list[Box]:
    """The faces on an RGB picture (height, width, 3), surest first: squares from the brows to the chin."""
    height, width = picture.shape[:2]
    longer = max(width, height)
    proposed = _seen(picture, ((width - longer) // 2, (height - longer) // 2, longer), PROPOSED)
    proposed += _by_cascade(picture)
    inside = (_within(box, width, height) for one in proposed for box in _from_near(picture, one))
    return _distinct([box for box in inside if box.area])


def _from_near(picture: Pixels, proposed: Box) -> list[Box]:
    """The face that is seen where one is proposed, if there is one."""
    side = NEAR * max(proposed.right - proposed.left, proposed.bottom - proposed.top)
    middle = (proposed.left + proposed.right) // 2, (proposed.top + proposed.bottom) // 2
    found = _seen(picture, (middle[0] - side // 2, middle[1] - side // 2, side), SURE)
    return [box for box in found if overlap(box, proposed) > SAME][:1]


def _seen(picture: Pixels, part: tuple[int, int, int], least: float) -> list[Box]:
    """The faces that BlazeFace sees on a square (left, top, side), surest first; beyond the picture it is black."""
    left, top, side = part
    shown = _square(picture, left, top, side).astype(np.float32) / 127.5 - 1
    raw_scores, raw = net(MODEL, *OUTPUTS)(shown.transpose(2, 0, 1)[None])
    scores = 1 / (1 + np.exp(-raw_scores[0, :, 0].clip(-50, 50)))
    sure = scores >= least
    centres = _anchors()[sure] + raw[0, sure, :2] / SIDE
    sizes = raw[0, sure, 2:4] / SIDE
    corners = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1) * side + [left, top, left, top]
    return _joined(corners, scores[sure])


def _square(picture: Pixels, left: int, top: int, side: int) -> Pixels:
    """The square in the model's size, (128, 128, 3)."""
    height, width = picture.shape[:2]
    x, y, right, bottom = max(0, left), max(0, top), min(width, left + side), min(height, top + side)
    scale = SIDE / side
    across, down = max(1, round((right - x) * scale)), max(1, round((bottom - y) * scale))
    from_left, from_top = min(SIDE - across, round((x - left) * scale)), min(SIDE - down, round((y - top) * scale))
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    part = resized(picture[y:bottom, x:right], across, down)
    canvas[from_top : from_top + down, from_left : from_left + across] = part
    return canvas


@cache
def _anchors() -> Floats:
    """The points (x, y) in 0..1 that the model's 896 boxes are relative to, (896, 2)."""
    found = []
    for stride, count in GRIDS:
        places = (np.arange(SIDE // stride, dtype=np.float32) + 0.5) * stride / SIDE
        x, y = np.meshgrid(places, places)
        found.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(found)


def _joined(corners: Floats, scores: Floats) -> list[Box]:
    """One box for those that overlap: their mean, weighted by the scores, as the model's authors do."""
    boxes = [_rounded(row, score) for row, score in zip(corners, scores, strict=True)]
    left = list(np.argsort(-scores))
    joined = []
    while left:
        best = left[0]
        same = [one for one in left if one == best or overlap(boxes[one], boxes[best]) > SAME]
        left = [one for one in left if one not in same]
        mean = np.average(corners[same], axis=0, weights=scores[same])
        joined.append(_rounded(mean, scores[best]))
    return joined


def _rounded(corners: Floats, score: float) -> Box:
    left, top, right, bottom = (round(float(one)) for one in corners)
    return Box(left, top, right, bottom, round(float(score), 3))


def _distinct(found: Sequence[Box]) -> list[Box]:
    """The boxes without those that share most with a surer one: the same face, proposed twice."""
    kept: list[Box] = []
    for box in sorted(found, key=lambda box: -box.score):
        if all(overlap(box, other) <= SAME and contained(box, other) <= MOSTLY for other in kept):
            kept.append(box)
    return kept


def _within(box: Box, width: int, height: int) -> Box:
    return Box(max(0, box.left), max(0, box.top), min(width, box.right), min(height, box.bottom), box.score)


def _by_cascade(picture: Pixels) -> list[Box]:
    """What the cascade takes for faces."""
    height, width = picture.shape[:2]
    scale = min(1.0, CASCADE_SIDE / max(width, height))
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    grey = resized(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), across, down)
    with _ONE_AT_A_TIME:
        found = _cascade().detectMultiScale(grey, CASCADE_STEP, NEIGHBOURS, minSize=(LEAST_FACE, LEAST_FACE))
    boxes = (Box(int(x), int(y), int(x + wide), int(y + high)) for x, y, wide, high in found)
    return [box.scaled(width / across, height / down) for box in boxes]


_ONE_AT_A_TIME = Lock()  # a cascade keeps what it is looking at


@cache
def _cascade() -> cv2.CascadeClassifier:
    text = (Path(cv2.__file__).parent / CASCADE).read_text("utf-8")
    # Not by path, which OpenCV cannot open everywhere on Windows.
    stored = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    cascade = cv2.CascadeClassifier()
    cascade.read(stored.getFirstTopLevelNode())
    return cascade
