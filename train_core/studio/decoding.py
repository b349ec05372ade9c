"""Pictures in full as models look at them."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from train_core.facts.images.image_files import unreadable
from train_core.facts.models.thumbnails import WHITE, Colour, whole_picture


def decoded(path: Path, behind: Colour = WHITE) -> Image.Image:
    """The picture as RGB: upright, with the colour `behind` its transparent parts.

    Raises UserError for what is no picture.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return whole_picture(path, behind)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise unreadable(path, error) from error
