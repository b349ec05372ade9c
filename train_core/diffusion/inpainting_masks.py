"""Holes in pictures, for inpainting models to learn to fill: drawn at random, each from its sample's own seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

WHOLE = 0.25  # how often all is hidden, as in the training of the first inpainting models
MOST_SHAPES = 4
SMALLEST, LARGEST = 0.15, 0.8  # of a side


def holes_for(seeds: Sequence[int], size: tuple[int, int]) -> Tensor:
    """Holes (B, 1, H, W), fp32 on the CPU, 1 where the picture is hidden and 0 elsewhere; `size` is (width, height)."""
    return torch.stack([_hole(Random(seed), size) for seed in seeds])


def _hole(rng: Random, size: tuple[int, int]) -> Tensor:
    """All of a picture, or up to four boxes, ellipses and strokes of it."""
    picture = Image.new("L", size)
    if rng.random() < WHOLE:
        picture.paste(255, (0, 0, *size))
    else:
        for _ in range(rng.randint(1, MOST_SHAPES)):
            _draw_shape(ImageDraw.Draw(picture), rng, size)
    return torch.from_numpy(np.asarray(picture) > 0).float()[None]


def _draw_shape(draw: ImageDraw.ImageDraw, rng: Random, size: tuple[int, int]) -> None:
    sides = [max(1, round(side * rng.uniform(SMALLEST, LARGEST))) for side in size]
    left, top = (rng.randint(0, whole - side) for whole, side in zip(size, sides, strict=True))
    box = (left, top, left + sides[0] - 1, top + sides[1] - 1)
    kind = rng.choice(("box", "ellipse", "stroke"))
    if kind == "box":
        draw.rectangle(box, fill=255)
    elif kind == "ellipse":
        draw.ellipse(box, fill=255)
    else:
        points = [(rng.randint(box[0], box[2]), rng.randint(box[1], box[3])) for _ in range(rng.randint(2, 6))]
        draw.line(points, fill=255, width=max(2, round(min(size) * rng.uniform(0.04, 0.15))), joint="curve")
