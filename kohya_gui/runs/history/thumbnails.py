"""Small copies of sample pictures, made once and kept among the caches."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from train_core.config.places import caches_dir
from train_core.config.whole_files import write_whole
from train_core.facts.models.thumbnails import small_picture

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
            with write_whole(small) as temporary:
                small_picture(picture, side).save(temporary, "WEBP", quality=80)
        return small
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError):
        return None
