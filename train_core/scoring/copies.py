"""Which trained picture a picture is nearest to, by latents; mirrored and cropped ones are tried too."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from train_core.facts.scores.scores import Nearest
from train_core.models.family import Family
from train_core.scoring.measuring import PictureSet

KEPT = 0.8  # of both sides, by a crop


def latents_of(pictures: PictureSet, family: Family, size: tuple[int, int]) -> Tensor:
    """Scaled latents (n, C, h, w) of a whole set in its order, brought to the `size` (h, w); fp32 on the CPU."""
    found = torch.empty(0)
    for batch in pictures.batches:
        assert batch.moments is not None
        latents = interpolate(family.to_latents(batch.moments).float(), size, mode="area").cpu()
        if not len(found):
            found = torch.zeros(len(pictures.pictures), *latents.shape[1:])
        found[batch.indices] = latents
    return found


def nearest(names: list[str], latents: Tensor, trained_names: list[str], trained: Tensor) -> tuple[Nearest, ...]:
    """Of each of `latents` (n, C, h, w) the trained one at the smallest root mean square of differences."""
    best: list[Nearest | None] = [None] * len(latents)
    flat = latents.flatten(1)
    for how, turned in _turned(trained):
        distances = torch.cdist(flat, turned.flatten(1)) / math.sqrt(flat.shape[1])
        smallest, places = distances.min(dim=1)
        for place, (distance, which) in enumerate(zip(smallest.tolist(), places.tolist(), strict=True)):
            known = best[place]
            if known is None or distance < known.distance:
                best[place] = Nearest(
                    picture=names[place], trained=trained_names[which], how=how, distance=float(f"{distance:.6g}")
                )
    return tuple(one for one in best if one is not None)


def spread(latents: Tensor) -> float:
    """How far apart pictures (n, C, h, w) are: the mean over their pairs of the root mean square of differences."""
    flat = latents.flatten(1)
    return float(torch.pdist(flat).mean() / math.sqrt(flat.shape[1]))


def _turned(latents: Tensor) -> Iterator[tuple[str, Tensor]]:
    """`latents` as they are, mirrored, and both with each corner and the middle cut out."""
    height, width = latents.shape[2:]
    inner = round(KEPT * height), round(KEPT * width)
    down, right = height - inner[0], width - inner[1]
    corners = ((0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2))
    for how, some in (("whole", latents), ("mirrored", latents.flip(-1))):
        yield how, some
        for top, left in corners:
            cut = some[:, :, top : top + inner[0], left : left + inner[1]]
            yield f"{how}, cropped", interpolate(cut, (height, width), mode="bilinear", align_corners=False)
