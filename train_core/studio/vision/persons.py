"""People on photographs: which pixels are theirs, by MediaPipe's selfie segmentation. Imports cv2."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from train_core.studio.vision.box import Box
from train_core.studio.vision.nets import Floats, Pixels, net, resized

MODEL, OUTPUT, SIDE = "selfie_segmentation.tflite", "activation_10", 256  # pixels of the model's input
PERSON = 0.5  # of the mask, from which on a pixel is a person's
LEAST_SHARE = 0.01  # of the picture
SPECK = 0.1  # of the largest area; what is smaller belongs to nobody
AGREED = 0.95  # overlap of what is seen on the picture and on its mirror image


def person_mask(picture: Pixels) -> Floats:
    """How surely each pixel of an RGB picture (height, width, 3) is a person's: (height, width) in 0..1.

    The model takes it for granted that there is somebody, and also finds an area where there is nobody.
    """
    height, width = picture.shape[:2]
    return resized(np.mean(_masks(picture), axis=0), width, height)


def person_box(picture: Pixels, faces: Sequence[Box] = ()) -> Box | None:
    """The box around the people on an RGB picture, all of them together; None where there is nobody.

    There is somebody where one of the `faces` lies in the area that the model sees, or where it sees the same area on
    the mirrored picture, which is the box's score: 0.97 and more for people, 0.94 and less for anything else tried.
    """
    height, width = picture.shape[:2]
    masks = _masks(picture)
    first, second = (mask >= PERSON for mask in masks)
    agreed = float((first & second).sum() / max(1, (first | second).sum()))
    seen = (np.mean(masks, axis=0) >= PERSON).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < LEAST_SHARE * SIDE * SIDE:
        return None
    theirs = np.isin(labels, 1 + np.flatnonzero(areas >= SPECK * areas.max()))
    if agreed < AGREED and not any(_lies_in(face.scaled(SIDE / width, SIDE / height), theirs) for face in faces):
        return None
    rows, columns = np.flatnonzero(theirs.any(axis=1)), np.flatnonzero(theirs.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1, round(agreed, 3))
    return box.scaled(width / SIDE, height / SIDE)


def _lies_in(face: Box, area: np.ndarray) -> bool:
    return bool(area[min(SIDE - 1, (face.top + face.bottom) // 2), min(SIDE - 1, (face.left + face.right) // 2)])


def _masks(picture: Pixels) -> list[Floats]:
    """The masks of the picture and of its mirror image, turned back, in the model's size, (256, 256) each.

    The model is shown the picture squashed into a square.
    """
    shown = (resized(picture, SIDE, SIDE).astype(np.float32) / 255).transpose(2, 0, 1)
    seen, mirrored = (
        net(MODEL, OUTPUT)(np.ascontiguousarray(one[None]))[0][0, 0] for one in (shown, shown[:, :, ::-1])
    )
    return [seen, mirrored[:, ::-1]]
