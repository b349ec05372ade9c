"""A picture without what was painted on it to be erased."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
from PIL import Image

from train_core.studio.painting import FILL, INPAINT, MASK, Layers
from train_core.studio.pixels.filling import filled_each


def without_paint(picture: Image.Image, paint: Layers, kinds: Container[str]) -> Image.Image:
    """The upright picture with what is painted by strokes of these kinds erased; nothing else changes."""
    pixels = np.asarray(picture)
    where = np.zeros(paint.fill.shape, dtype=bool)
    for kind, area in ((FILL, paint.fill), (MASK, paint.mask)):
        if kind in kinds:
            where |= area
    pixels = filled_each(pixels, where, paint.parts)
    if INPAINT in kinds:
        from train_core.studio.pixels.inpainting import inpainted  # noqa: PLC0415 - loads OpenCV

        pixels = inpainted(pixels, paint.inpaint)
    return Image.fromarray(pixels)
