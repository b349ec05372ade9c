"""Small copies of sample pictures, made once and kept among the caches."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from train_core.config.places import caches_dir
from train_core.config.whole_files import write_whole

SIZE = 96  # pixels, for a place of 44 on sharp screens
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".bmp")


def thumbnail(picture: Path, side: int = SIZE) -> Path | None:
    """Path of a copy of `picture` of at most `side` pixels, or None if it is no picture, or is not there any more."""
    if picture.suffix.lower() not in ENDINGS:
        return None
    try:
        state = picture.stat()
        content = f"{picture}\n{state.st_mtime_ns}\n{state.st_size}\n{side}"
        small = caches_dir() / "thumbnails" / f"{hashlib.sha256(content.encode(errors='replace')).hexdigest()}.webp"
        if not small.is_file():
            _draw(picture, small, side)
        return small
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return None


def _draw(picture: Path, small: Path, side: int) -> None:
    with Image.open(picture) as image:
        image.draft("RGB", (2 * side, 2 * side))
        upright = ImageOps.exif_transpose(image)
        upright.thumbnail((side, side))
        with write_whole(small) as temporary:
            upright.convert("RGB").save(temporary, "WEBP", quality=80)
