"""What stands out from the background in a box, without a model: GrabCut (Rother et al., 2004). Imports cv2."""

from __future__ import annotations

from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from train_core.studio.pixels.filling import Pixels
from train_core.studio.vision.box import Box

ROUNDS = 5
SIDE = 512  # pixels of the longer side at which it is looked for
SEED = 1
_ONE_AT_A_TIME = Lock()  # OpenCV draws from one source of chance


def mask_in_box(pixels: Pixels, box: Box) -> NDArray[np.float32]:
    """How surely each pixel belongs to what is in the box: (height, width) in 0..1; 0 outside of it.

    A box that leaves nothing of the picture for the background, or nothing at all, is taken as it is.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    seen = box.scaled(small.shape[1] / width, small.shape[0] / height)
    within = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    within[max(0, seen.top) : max(0, seen.bottom), max(0, seen.left) : max(0, seen.right)] = cv2.GC_PR_FGD
    if within.min() != within.max():
        background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
        shown = np.ascontiguousarray(small[:, :, ::-1])
        with _ONE_AT_A_TIME:
            cv2.setRNGSeed(SEED)
            cv2.grabCut(shown, within, (0, 0, 1, 1), background, foreground, ROUNDS, cv2.GC_INIT_WITH_MASK)
    mask = np.isin(within, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
