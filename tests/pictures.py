"""Small image folders for tests, and an encoder that stands in for a VAE."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from train_core.data.encoder import Encoder
from train_core.data.moments import Moments


def noise_image(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """An RGB image of random pixels, the same for the same `seed`."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def orientation_entry(turn: int) -> Image.Exif:
    """EXIF entries with an orientation, 1 to 8."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    return exif


def turn_by_exif(path: Path, turn: int) -> None:
    """Give a picture's file another EXIF orientation and the same pixels, as viewers do."""
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=orientation_entry(turn))


def image_folder(parent: Path, name: str, sizes: Iterable[tuple[int, int]], caption: str | None = None) -> Path:
    """`parent`/`name` with one image per size, 00.png and on; each has `caption` and its number unless None."""
    folder = parent / name
    folder.mkdir(parents=True)
    for number, size in enumerate(sizes):
        noise_image(size, number).save(folder / f"{number:02d}.png")
        if caption is not None:
            (folder / f"{number:02d}.txt").write_text(f"{caption}, number {number}", encoding="utf-8")
    return folder


class FakeVae:
    """Averages 8x8 pixels into latents, channels-last as a real one may, and counts the images it has seen."""

    def __init__(self, fingerprint: str = "vae 1") -> None:
        self.images = 0
        self.encoder = Encoder(fingerprint, self.encode)

    def encode(self, pixels: Tensor) -> Moments:
        self.images += len(pixels)
        mean = avg_pool2d(pixels, 8).contiguous(memory_format=torch.channels_last)
        return Moments(mean, mean - 3)


def ignore_progress(done: int, total: int) -> None:
    """A progress callback for tests that do not look at it."""


def stacked_moments(moments: Iterable[Moments]) -> Tensor:
    """Means of single images, stacked."""
    return torch.stack([one.mean for one in moments])
