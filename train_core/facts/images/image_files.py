"""Image files: which ones they are, their sizes as far as headers tell, and hashes of their bytes."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from train_core.config.phrases import phrase
from train_core.config.problems import UserError, cause_of, problem
from train_core.facts.file_cache import recall, shared_database
from train_core.facts.images.prompts_in_pictures import CHUNKS

logger = logging.getLogger(__name__)

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".avif"})
_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})
_TAIL = 1 << 16


def is_image(path: Path) -> bool:
    """Whether the name is an image's, in any letter case. Hidden files (macOS writes "._01.png") do not count."""
    return path.suffix.lower() in IMAGE_ENDINGS and not path.name.startswith(".")


def orientation(image: Image.Image) -> int:
    """The EXIF orientation (1 to 8) of an opened image, read from its header only; 1, upright, if it has none.

    Pillow looks for the EXIF block of a PNG behind the pixels too, and would decode them for it; it stands before them
    in what cameras and editors write.
    """
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception as error:  # a broken EXIF block does not make a picture unreadable
        logger.warning("The EXIF data of %s cannot be read: %s", getattr(image, "filename", "an image"), error)
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image's header tells: its size in pixels after EXIF rotation, whether it has alpha or several frames.

    `generated` says that it is a PNG with the prompt that it was made from.
    """

    width: int
    height: int
    alpha: bool
    animated: bool
    generated: bool = False


def image_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels as a viewer shows the image, which is after EXIF rotation.

    Pixels are decoded only if the file seems to be cut short. Raises UserError if it is not a readable image.
    """
    header = image_header(path)
    return header.width, header.height


def image_header(path: Path) -> ImageHeader:
    """The header of an image. Pixels are decoded only if the file seems to be cut short. Raises as `image_size`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                sideways = orientation(image) in _SIDEWAYS
                alpha, animated = bool(image.has_transparency_data), bool(getattr(image, "is_animated", False))
                generated = image.format == "PNG" and any(name in image.info for name in CHUNKS)
                if _seems_cut(path, image.format or ""):
                    image.load()
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise unreadable(path, error) from error
    return ImageHeader(*((height, width) if sideways else (width, height)), alpha, animated, generated)


def content_hashes(paths: Sequence[Path]) -> dict[Path, str]:
    """A hash of each file's bytes, remembered by path, size and time of change.

    Raises UserError for a file that cannot be read.
    """
    return recall(paths, "content", _hash, shared_database())


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> UserError:
    """The error that says that `path` is not a readable image, and what Pillow said of it."""
    reason = _what_is_wrong(path, error)
    return UserError(
        problem(
            "image_unreadable",
            "The image {path} cannot be read: {reason}. Open it in an image editor and save it again, or remove it "
            "from the folder.",
            path=str(path),
            reason=reason,
        )
    )


def _what_is_wrong(path: Path, error: Exception) -> str:
    try:
        empty = path.stat().st_size == 0
    except FileNotFoundError:
        return phrase("file_gone", "the file is no longer there")
    except OSError as unreachable:
        return cause_of(unreachable)
    return phrase("file_empty", "the file is empty") if empty else _first_line(error, path)


def _first_line(error: Exception, path: Path) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return phrase("not_an_image", "its content is not in a known image format")
    text = str(error) or type(error).__name__
    return text.replace(str(path), path.name).splitlines()[0].rstrip(".")


def _seems_cut(path: Path, image_format: str) -> bool:
    """Whether the file lacks the ending that its format requires, as broken downloads do."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    if image_format == "PNG":
        return b"IEND" not in tail
    if image_format == "JPEG":
        return b"\xff\xd9" not in tail
    if image_format == "WEBP":
        return int.from_bytes(head[4:8], "little") + 8 > size
    return False
