"""One draw of an image: where it is cut out, whether it is mirrored, how its colours shift."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from train_core.data.library import Entry
from train_core.facts.images.buckets import BucketFit
from train_core.facts.images.crops import crop_rules, draw_fit
from train_core.facts.images.faces import face_in

# From RGB to brightness and two colour differences (the YIQ of NTSC television), where hue is an angle.
_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


@dataclass(frozen=True)
class ColourShift:
    """A change of all colours: `hue` in radians, factors of saturation and brightness, the exponent `gamma`."""

    hue: float = 0.0
    saturation: float = 1.0
    brightness: float = 1.0
    gamma: float = 1.0


@dataclass(frozen=True)
class Draw:
    """The image with index `entry` as one draw has it, cut out by `fit` and then mirrored if `flipped`."""

    entry: int
    fit: BucketFit
    flipped: bool = False
    colour: ColourShift | None = None

    @property
    def crop(self) -> tuple[int, int]:
        """Left and top of the crop in the scaled image, which is mirrored if `flipped`."""
        left, top = self.fit.crop
        return (self.fit.resized[0] - self.fit.bucket[0] - left if self.flipped else left), top


def draw_image(index: int, entry: Entry, seed: Callable[[str], int]) -> Draw:
    """A draw of `entry`, which has number `index`, as its settings vary it; `seed(purpose)` seeds each choice."""
    settings = entry.settings.augmentation
    rules = crop_rules(settings)
    fit = entry.fit
    if rules.vary:
        fit = draw_fit(entry.size, entry.fit, face_in(entry.path), rules, Random(seed("crop")))
    return Draw(
        entry=index,
        fit=fit,
        flipped=settings.flip_aug and seed("flip") % 2 == 1,
        colour=draw_colour(Random(seed("colour"))) if settings.color_aug else None,
    )


def draw_colour(rng: Random) -> ColourShift:
    """A mild change: up to 15 degrees of hue, a tenth of saturation, a twentieth of brightness and gamma."""
    return ColourShift(
        hue=math.radians(rng.uniform(-15, 15)),
        saturation=rng.uniform(0.9, 1.1),
        brightness=rng.uniform(0.95, 1.05),
        gamma=rng.uniform(0.95, 1.05),
    )


def shift_colour(pixels: Tensor, shift: ColourShift) -> Tensor:
    """uint8 pixels (3, H, W) with their colours changed; what leaves the range is clipped.

    Hue and saturation turn and stretch the colour differences, so greys stay grey and keep their brightness.
    """
    cosine, sine = math.cos(shift.hue) * shift.saturation, math.sin(shift.hue) * shift.saturation
    turn = torch.tensor([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
    matrix = torch.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ * shift.brightness
    shifted = torch.tensordot(matrix, pixels.float() / 255, 1).clamp_(0, 1).pow_(shift.gamma)
    return shifted.mul_(255).round_().to(torch.uint8)
