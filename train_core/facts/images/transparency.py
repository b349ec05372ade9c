"""Whether an image file has transparent parts, as far as its header tells."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from train_core.facts.images.image_files import unreadable


def has_alpha(path: Path) -> bool:
    """Whether the image has an alpha channel or a transparent colour. Raises UserError if it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return bool(image.has_transparency_data)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise unreadable(path, error) from error
