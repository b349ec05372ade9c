"""An image file as training pixels: upright, on white, scaled and cropped to its bucket."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from train_core.config.problems import UserError, problem
from train_core.facts.buckets import BucketFit, Size
from train_core.facts.images import orientation, unreadable

_WHITE = (255, 255, 255, 255)
# What makes an image upright, by its EXIF orientation.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def load_pixels(path: Path, size: Size, fit: BucketFit) -> Tensor:
    """The image as uint8 (3, H, W), H and W being the bucket's.

    `size` is the size that `fit` was made for. Raises UserError when the file cannot be read or has another size now.
    """
    image = open_upright(path)
    if image.size != size:
        raise UserError(
            problem(
                "image_changed",
                "The image {path} was {before} when the run began and is {now} now. Start the run again.",
                path=str(path),
                before="{}x{}".format(*size),
                now="{}x{}".format(*image.size),
            )
        )
    left, top = fit.crop
    width, height = fit.bucket
    cut = _resize(image, fit.resized).crop((left, top, left + width, top + height))
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1).contiguous()


def to_range(pixels: Tensor) -> Tensor:
    """uint8 pixels as fp32 in [-1, 1]."""
    return pixels.to(torch.float32) / 127.5 - 1.0


def open_upright(path: Path) -> Image.Image:
    """The image as RGB, turned as its EXIF data says, transparent parts on white. Raises UserError if unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                turn = _TURNS.get(orientation(image))
                rgb = _rgb(image if turn is None else image.transpose(turn))
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise unreadable(path, error) from error
    return rgb


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_16_bit(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, _WHITE)
    return Image.alpha_composite(white, layer).convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Grey with 16 bits a pixel; Pillow's own conversion would clip it at 255."""
    values = np.asarray(image, dtype=np.float32)
    grey = np.clip(np.rint(values / 257), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _resize(image: Image.Image, size: Size) -> Image.Image:
    """Averages areas when shrinking, Lanczos otherwise."""
    if image.size == size:
        return image
    shrinks = size[0] <= image.width and size[1] <= image.height
    return image.resize(size, Image.Resampling.BOX if shrinks else Image.Resampling.LANCZOS)
