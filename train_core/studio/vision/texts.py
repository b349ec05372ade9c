"""Text on pictures, by the detection model that comes with rapidocr (PP-OCRv6). Imports cv2 and onnxruntime.

Of that package only the file is used: nothing is read as letters, and nothing of its code runs, which could fetch
models. The model gives a probability for each pixel (differentiable binarization, Liao et al., 2020).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

from train_core.studio.vision.box import Box
from train_core.studio.vision.nets import Floats, Pixels, resized

PACKAGE, MODEL = "rapidocr", "models/PP-OCRv6_det_small.onnx"
SHORTER, LONGER = 640, 1280  # pixels that the sides are brought to: the shorter one, if the longer one allows
MULTIPLE = 32  # of what the sides have to be
TEXT, LEAST_SCORE = 0.3, 0.6  # probability from which on a pixel is text; its mean over a box
GROWN = 1.6  # the model sees the core of text: a box grows by so many times its area divided by its circumference
MOST_SHARE = 0.5  # of the picture; what covers more is a pattern, not a line of text
LEAST_SIDE = 3  # pixels of such a core
QUIET = 3  # only errors are told


def text_boxes(picture: Pixels) -> list[Box]:
    """The boxes around lines of text on an RGB picture (height, width, 3), from top to bottom."""
    height, width = picture.shape[:2]
    scale = min(SHORTER / min(width, height), LONGER / max(width, height))
    across, down = (max(MULTIPLE, MULTIPLE * round(side * scale / MULTIPLE)) for side in (width, height))
    shown = resized(picture, across, down)[:, :, ::-1].astype(np.float32) / 127.5 - 1
    session = _session()
    given = {session.get_inputs()[0].name: np.ascontiguousarray(shown.transpose(2, 0, 1)[None])}
    chances: Floats = session.run(None, given)[0][0, 0]
    contours, _ = cv2.findContours((chances > TEXT).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    boxes = (_box(contour, chances) for contour in contours)
    lines = [box for box in boxes if box is not None and box.area <= MOST_SHARE * across * down]
    found = [box.scaled(width / across, height / down) for box in lines]
    return sorted(found, key=lambda box: (box.top, box.left))


def _box(contour: np.ndarray, chances: Floats) -> Box | None:
    """The upright box of a line whose core has this contour; None for what is too small or too unsure."""
    middle, (wide, high), turned = cv2.minAreaRect(contour)
    if min(wide, high) < LEAST_SIDE:
        return None
    mask = np.zeros(chances.shape, np.uint8)
    core = cv2.boxPoints((middle, (wide, high), turned)).astype(np.int32)
    score = cv2.mean(chances, cv2.fillPoly(mask, [core], 1))[0]
    if score < LEAST_SCORE:
        return None
    grown = GROWN * wide * high / (wide + high)  # both sides of it
    corners = cv2.boxPoints((middle, (wide + grown, high + grown), turned))
    height, width = chances.shape
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return Box(
        max(0, round(float(left))), max(0, round(float(top))), min(width, round(float(right))),
        min(height, round(float(bottom))), round(float(score), 3),
    )  # fmt: skip


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    found = find_spec(PACKAGE)  # which imports nothing of it
    assert found is not None and found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / MODEL
    return onnxruntime.InferenceSession(path.read_bytes(), options, ["CPUExecutionProvider"])
