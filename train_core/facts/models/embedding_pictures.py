"""Embeddings inside pictures, as AUTOMATIC1111 has them: in a text of the file, and in bands left and right of it.

The bands outlast programs that keep the pixels and drop the text. Their pixels hold zlib-compressed JSON: the lower
four bits of each value, in the left band, and the upper four, in the right one, each as the lower bits of a band's
values, row by row and scrambled by a fixed sequence. A black column stands between band and picture.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_core.config.problems import UserError, problem
from train_core.config.untrusted import json_of, reason_of

CLIP_L, CLIP_G = "clip_l", "clip_g"  # of SDXL, in the order of its text encoders
TEXT = "sd-ti-embedding"
TENSOR = "TORCHTENSOR"  # marks lists that are tensors
PARAMETERS = "string_to_param"
LOW, HIGH = 0x0F, 0xF0
CHANNELS = 3
MOST_BYTES = 64 << 20  # of JSON: 75 vectors of SDXL are about 4 MB
MOST_PIXELS = 100_000_000
Numbers = np.ndarray[Any, np.dtype[np.float32]]
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Vectors = dict[str, Numbers]


def read_picture(path: Path) -> tuple[Vectors, str]:
    """The tensors in the picture at `path` by their names, fp32, and the word's name, "" where it says none.

    Raises `UserError` where it is no picture, or holds no embedding.
    """
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise ValueError("too large")
            text = getattr(picture, "text", {}).get(TEXT) if hasattr(picture, "text") else picture.info.get(TEXT)
            said = _from_text(text) if text else _from_bands(np.asarray(picture.convert("RGB")))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error
    if said is None:
        raise no_embedding(path, 0)
    try:
        return _tensors_in(said), str(said.get("name") or "")[:200]
    except ValueError as error:
        raise no_embedding(path, 0) from error


def no_embedding(path: Path, found: int) -> UserError:
    """The error where a file holds no word, or more than one."""
    if found > 1:
        return UserError(
            problem(
                "embedding_of_several",
                "{file} holds {count} tensors, where an embedding has the vectors of one word. Choose a file with one "
                "embedding.",
                file=str(path), count=found,
            )
        )
    return UserError(
        problem(
            "no_embedding",
            "{file} holds no embedding: no vectors of a word were found in it. Choose a file that textual inversion "
            "has written.",
            file=str(path),
        )
    )


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        problem(
            "embedding_picture_unreadable",
            "{file} cannot be read as a picture with an embedding in it ({reason}). Use the original file, not a JPEG "
            "or a copy that a website has made smaller.",
            file=str(path), reason=reason_of(error),
        )
    )


def _tensors_in(said: Any) -> Vectors:
    """The tensors of what a picture says. Raises ValueError for anything else."""
    if not isinstance(said, dict):
        raise ValueError("no table")
    held = said.get(PARAMETERS, {name: said[name] for name in (CLIP_L, CLIP_G) if name in said})
    if not isinstance(held, dict):
        raise ValueError("no tensors")
    return {str(name): _array(value) for name, value in held.items()}


def _array(value: Any) -> Numbers:
    numbers = value.get(TENSOR) if isinstance(value, dict) else value
    try:
        array = np.asarray(numbers, dtype=np.float32)
    except (TypeError, OverflowError) as error:
        raise ValueError("no numbers") from error
    if not np.isfinite(array).all():
        raise ValueError("values that are not numbers")
    return array


def _from_text(text: Any) -> Any:
    """What the text of a picture holds. Raises ValueError."""
    raw = text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")
    if len(raw) > 2 * MOST_BYTES:
        raise ValueError("too large")
    try:
        return json_of(base64.b64decode(raw, validate=False))
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _from_bands(pixels: Pixels) -> Any | None:
    """What the bands beside a picture, (H, W, 3), hold; None without any. Raises ValueError where they are damaged."""
    lit = pixels.min(axis=2) > 0
    columns, rows = np.flatnonzero(lit.sum(axis=0)), np.flatnonzero(lit.sum(axis=1))
    if not len(columns):
        return None
    # A frame of black around it, as image editors leave it, is none of the bands.
    low_bits = (pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] & LOW).astype(np.uint8)
    dark = np.flatnonzero(low_bits.sum(axis=(0, 2)) == 0)
    if len(dark) < 2:
        return None
    left, right = low_bits[:, : dark[0]], low_bits[:, dark[-1] + 1 :]
    if not left.size or left.shape != right.shape:
        return None
    packed = (_scrambled(right) << 4 | _scrambled(left)).astype(np.uint8).tobytes()
    reader = zlib.decompressobj()
    try:
        raw = reader.decompress(packed, MOST_BYTES)
    except zlib.error:
        return None  # a picture with two dark columns, and nothing in it
    if not reader.eof:
        raise ValueError("cut short")
    return json_of(raw)


def _scrambled(band: Pixels) -> Pixels:
    """The lower bits of a band under the fixed sequence; doing it twice gives them back.

    The sequence is that of the generator x -> 1664525 x + 1013904223 modulo 2^32 from 0, each remainder by 255.
    """
    powers = np.cumprod(np.r_[np.uint32(1), np.full(max(0, band.size - 1), 1664525, np.uint32)], dtype=np.uint32)
    states = np.cumsum(powers, dtype=np.uint32) * np.uint32(1013904223)
    mask = np.bitwise_and((states % 255)[: band.size], LOW, dtype=np.uint32).astype(np.uint8)
    return np.bitwise_xor(band, mask.reshape(band.shape), dtype=np.uint8)


def save_picture(path: Path, picture: Image.Image, said: Mapping[str, Any]) -> None:
    """Write `picture` as a PNG with `said` in a text and in bands at its sides; arrays in it are marked as tensors."""
    text = json.dumps(_marked(said))
    info = PngInfo()
    for name, value in picture.info.items():  # what it says of itself already, such as how it was drawn
        if isinstance(name, str) and isinstance(value, str):
            info.add_text(name, value)
    info.add_text(TEXT, base64.b64encode(text.encode()).decode())
    with_bands(picture.convert("RGB"), text).save(path, "PNG", pnginfo=info)


def _marked(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {TENSOR: value.tolist()}
    return {key: _marked(one) for key, one in value.items()} if isinstance(value, Mapping) else value


def with_bands(picture: Image.Image, text: str) -> Image.Image:
    """`picture` between two bands that hold `text`."""
    height = picture.height
    packed = np.frombuffer(zlib.compress(text.encode(), 9), np.uint8)
    size = -(-len(packed) // (height * CHANNELS)) * height * CHANNELS
    filled = np.resize(packed, size).reshape(height, -1, CHANNELS)
    shade = _shades(filled.shape)
    halves = [half.astype(np.uint8) for half in (filled & LOW, filled >> 4)]
    bands = [Image.fromarray(shade | _scrambled(bits)) for bits in halves]
    width = bands[0].width
    whole = Image.new("RGB", (2 * width + 2 + picture.width, height))
    whole.paste(bands[0], (0, 0))
    whole.paste(picture, (width + 1, 0))
    whole.paste(bands[1], (width + 2 + picture.width, 0))
    return whole


def _shades(shape: tuple[int, ...]) -> Pixels:
    """The upper bits of a band: soft waves, nowhere black, since black ends a band."""
    rows = np.arange(shape[0])[:, None, None] / max(1, shape[0])
    columns = np.arange(shape[1])[None, :, None] / max(1, shape[1])
    channels = np.arange(CHANNELS)[None, None, :] / CHANNELS
    waves = 0.5 + 0.5 * np.sin(2 * np.pi * (4 * rows + columns + channels))
    return ((2 + 10 * waves).astype(np.uint8) << 4).astype(np.uint8)
