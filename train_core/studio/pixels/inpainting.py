"""Parts of a picture painted over from their edges, by OpenCV (Telea, 2004). Imports cv2."""

from __future__ import annotations

import cv2
import numpy as np

from train_core.studio.pixels.filling import Pixels, Where

REACH = 5  # pixels around each one that it is made from


def inpainted(pixels: Pixels, where: Where) -> Pixels:
    """The picture with `where` continued from what is around it; nothing else changes."""
    if not where.any() or where.all():
        return pixels.copy()
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    near = (  # what is farther away has no part in it
        slice(max(0, rows[0] - 2 * REACH), rows[-1] + 2 * REACH + 1),
        slice(max(0, columns[0] - 2 * REACH), columns[-1] + 2 * REACH + 1),
    )
    painted = cv2.inpaint(np.ascontiguousarray(pixels[near]), where[near].astype(np.uint8), REACH, cv2.INPAINT_TELEA)
    changed = pixels.copy()
    changed[near][where[near]] = painted[where[near]]
    return changed
