"""An image file as training pixels: upright, on white, scaled and cropped to its bucket."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from train_core.config.problems import UserError, problem
from train_core.config.sections.augmentation import Interpolation
from train_core.facts.images.buckets import BucketFit, Size
from train_core.facts.images.image_files import orientation, unreadable

T = TypeVar("T")

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
_FILTERS = {
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "linear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "cubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
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


def load_pixels(path: Path, size: Size, fit: BucketFit, interpolation: Interpolation = "auto") -> Tensor:
    """The image as uint8 (3, H, W), H and W being the bucket's.

    `size` is the size that `fit` was made for. Raises UserError when the file cannot be read or has another size now.
    """
    image = open_upright(path)
    refuse_other_size(path, image, size)
    cut = scaled_and_cut(image, fit, _filter(image.size, fit.resized, interpolation))
    return torch.from_numpy(np.array(cut)).permute(2, 0, 1).contiguous()


def refuse_other_size(path: Path, image: Image.Image, size: Size) -> None:
    """Raises UserError when the image from `path` is not of `size` any more."""
    if image.size != size:
        raise UserError(
            problem(
                "image_changed",
                "The image {path} was {before} when the run began and is now {now}. Start the run again.",
                path=str(path),
                before="{}x{}".format(*size),
                now="{}x{}".format(*image.size),
            )
        )


def scaled_and_cut(image: Image.Image, fit: BucketFit, resampling: Image.Resampling) -> Image.Image:
    """The part of `image`, of the bucket's size, that `fit` describes."""
    left, top = fit.crop
    width, height = fit.bucket
    scaled = image if image.size == fit.resized else image.resize(fit.resized, resampling)
    return scaled.crop((left, top, left + width, top + height))


def shrinks(size: Size, resized: Size) -> bool:
    """Whether neither side grows."""
    return resized[0] <= size[0] and resized[1] <= size[1]


def to_range(pixels: Tensor) -> Tensor:
    """uint8 pixels as fp32 in [-1, 1]."""
    return pixels.to(torch.float32) / 127.5 - 1.0


def open_upright(path: Path, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """The image as RGB, turned as its EXIF data says, transparent parts on `background`.

    Raises UserError if it cannot be read.
    """
    return _open(path, lambda image: _rgb(image, background))


def open_alpha(path: Path) -> Image.Image | None:
    """Alpha channel of the upright image, mode L; None for an image without transparency.

    Raises UserError if it cannot be read.
    """
    return _open(path, lambda image: image.convert("RGBA").getchannel("A") if image.has_transparency_data else None)


def _open(path: Path, take: Callable[[Image.Image], T]) -> T:
    """Result of `take` on the upright image."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                turn = _TURNS.get(orientation(image))
                return take(image if turn is None else image.transpose(turn))
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise unreadable(path, error) from error


def _rgb(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _from_16_bit(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, (*background, 255)), layer).convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Grey with 16 bits a pixel; Pillow's own conversion would clip it at 255."""
    values = np.asarray(image, dtype=np.float32)
    grey = np.clip(np.rint(values / 257), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def _filter(size: Size, resized: Size, interpolation: Interpolation) -> Image.Resampling:
    if interpolation == "auto":
        return Image.Resampling.BOX if shrinks(size, resized) else Image.Resampling.LANCZOS
    return _FILTERS[interpolation]
