"""Small copies of pictures on disk, among the caches: made when they are first looked at, or when all are measured."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

from PIL import Image

from train_core.config import places
from train_core.config.whole_files import write_whole
from train_core.facts.models.thumbnails import jpeg_bytes, small_picture

SIDE = 320  # pixels of the longer side, for cells of 160 on sharp screens
QUALITY = 80
FOLDER = "studio"


def thumbnail(path: Path) -> Path:
    """The thumbnail's file of `path`, made unless it is there. Raises what Pillow raises for what is no picture."""
    place = _place(path)
    if not place.is_file():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            _write(place, small_picture(path, SIDE))
    return place


def keep_thumbnail(path: Path, picture: Image.Image) -> None:
    """Make the thumbnail of `path` from what was decoded of it already, unless it is there."""
    place = _place(path)
    if not place.is_file():
        copy = picture.copy()
        copy.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=1.0)
        _write(place, copy)


def _place(path: Path) -> Path:
    """Where the thumbnail of the file belongs as it is now: another content has another place. Raises OSError."""
    state = path.stat()
    said = f"{path}\n{state.st_mtime_ns}\n{state.st_size}".encode(errors="surrogatepass")
    name = hashlib.blake2b(said, digest_size=16).hexdigest()
    return places.caches_dir() / FOLDER / name[:2] / f"{name}.jpg"


def _write(place: Path, picture: Image.Image) -> None:
    with write_whole(place) as temporary:
        temporary.write_bytes(jpeg_bytes(picture, QUALITY))
