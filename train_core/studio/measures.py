"""Measures of a picture, taken once from its pixels: hashes of its likeness, colours, sharpness, brightness."""

from __future__ import annotations

import base64
import json
import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from train_core.facts.file_cache import recall, shared_database
from train_core.facts.models.thumbnails import whole_picture
from train_core.studio.thumbnails import keep_thumbnail

KIND = "studio-3"  # of fact in the cache of files; another number when a measure changes
HASH_SIDE, SHRUNK = 8, 32
COLOURS = 16  # per side of the picture's colours
SHARP_SIDE = 512  # pixels of the longer side at which sharpness is measured
AT_ONCE = 256
THREADS = min(8, (os.cpu_count() or 1) + 1)  # more would only be in each other's way

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Measures:
    """What is known of a picture's pixels.

    `hash` and `mirrored` are perceptual hashes of 64 bits, of the picture and of its mirror image; `colours` are the
    mean colours of 16 x 16 parts, 768 bytes. `sharpness` is the variance of the Laplacian at 512 pixels, `brightness`
    the mean in 0..1.
    """

    hash: int
    mirrored: int
    colours: bytes
    sharpness: float
    brightness: float


def measure(path: Path) -> Measures:
    """Measure the picture at `path`, and make its thumbnail. Raises whatever Pillow raises for what is no picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        picture = whole_picture(path)
    grey = picture.convert("L").resize((SHRUNK, SHRUNK), Image.Resampling.LANCZOS)
    smaller = picture.reduce(max(1, max(picture.size) // SHARP_SIDE))  # quickly, and still not below that size
    keep_thumbnail(path, smaller)
    sharp = smaller.convert("L")
    sharp.thumbnail((SHARP_SIDE, SHARP_SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(sharp, dtype=np.float32)
    return Measures(
        hash=perceptual_hash(grey), mirrored=perceptual_hash(ImageOps.mirror(grey)),
        colours=smaller.resize((COLOURS, COLOURS), Image.Resampling.BOX).tobytes(),
        sharpness=laplacian_variance(pixels), brightness=float(pixels.mean() / 255),
    )  # fmt: skip


def perceptual_hash(grey: Image.Image) -> int:
    """The perceptual hash (pHash) of a grey picture: 64 bits, the first one the highest, as imagehash has them.

    The lowest 8 x 8 frequencies of a 32 x 32 copy, each compared with their median.
    """
    shrunk = grey if grey.size == (SHRUNK, SHRUNK) else grey.resize((SHRUNK, SHRUNK), Image.Resampling.LANCZOS)
    pixels = np.asarray(shrunk, dtype=np.float64)
    matrix = cosines()
    lowest = (matrix @ pixels @ matrix.T)[:HASH_SIDE, :HASH_SIDE]
    bits = lowest > np.median(lowest)
    return int("".join("1" if bit else "0" for bit in bits.flatten()), 2)


@cache
def cosines() -> Floats:
    """The matrix (32, 32) of the discrete cosine transform (type 2), not normalised."""
    place = np.arange(SHRUNK)
    return 2 * np.cos(np.pi * place[:, None] * (2 * place[None, :] + 1) / (2 * SHRUNK))  # type: ignore[no-any-return]


def laplacian_variance(pixels: Floats) -> float:
    """The variance of the Laplacian of grey pixels (height, width) in 0..255; 0 for a picture of less than 3 pixels."""
    if min(pixels.shape) < 3:
        return 0.0
    inner = pixels[1:-1, 1:-1]
    return float(
        (pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:] - 4 * inner).var()
    )


def measured(paths: Sequence[Path]) -> dict[Path, Measures]:
    """The measures of pictures, those that are not known yet taken now. Pictures that cannot be read are left out."""
    found = recall(paths, KIND, _measured_as_text, shared_database(), THREADS)
    return {path: one for path, text in found.items() if (one := _of_text(text)) is not None}


def known(paths: Sequence[Path]) -> dict[Path, Measures | None]:
    """The measures that were taken already, of pictures that have not changed since; None for unreadable ones."""
    return {path: _of_text(text) for path, text in recall(paths, KIND, lambda _: None, shared_database()).items()}


def _measured_as_text(path: Path) -> str:
    try:
        one = measure(path)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        return json.dumps({"broken": str(error)[:200]})
    return json.dumps({**asdict(one), "colours": base64.b64encode(one.colours).decode()})


def _of_text(text: str) -> Measures | None:
    said = json.loads(text)
    return None if "broken" in said else Measures(**{**said, "colours": base64.b64decode(said["colours"])})


def percentiles(values: Iterable[float]) -> list[int]:
    """The share in percent, 0 to 100, of the other values that each one is greater than."""
    numbers = np.asarray(list(values), dtype=np.float64)
    if len(numbers) < 2:
        return [100] * len(numbers)
    lower = np.searchsorted(np.sort(numbers), numbers, side="left")
    return [int(share) for share in np.round(100 * lower / (len(numbers) - 1))]
