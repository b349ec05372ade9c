"""The model's inputs from a batch: latents, noised latents, and conditioning besides text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train_core.data.batch import Batch
from train_core.data.moments import Moments
from train_core.diffusion.process import Process
from train_core.models.family import Family
from train_core.run.inpainting import around_holes


@dataclass
class ModelInputs:
    """Inputs of `family` from batches that lie on its device, its noised input in `dtype`.

    Pictures are encoded `vae_batch_size` at a time, as when caching, so that both give the same bits. `tell_rescued` is
    called with the rows of a batch that half precision could not hold.
    """

    family: Family
    process: Process
    dtype: torch.dtype
    vae_batch_size: int = 1
    tell_rescued: Callable[[Batch, Sequence[int]], None] = lambda batch, rows: None

    def moments(self, batch: Batch) -> Moments:
        """Unscaled moments (B, C, h, w), fp32: the cached ones, or the VAE's answer."""
        if batch.moments is not None:
            return batch.moments
        pixels = _pixels(batch)
        parts = [self.family.encode_images(some) for some in pixels.split(self.vae_batch_size)]
        starts = range(0, len(pixels), self.vae_batch_size)
        rescued = [start + row for start, part in zip(starts, parts, strict=True) for row in part.rescued]
        if rescued:
            self.tell_rescued(batch, rescued)
        return Moments(torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts]))

    def noisy(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The model's input (B, C, h, w)."""
        return self.process.add_noise(latents, noise, t).to(self.dtype)

    def extras(self, batch: Batch, hole_seeds: Callable[[], Sequence[int]]) -> dict[str, Tensor]:
        """Sizes and crops; for models that inpaint also a hole for each of `hole_seeds`, and what is around it."""
        if not self.family.inpaints:
            return batch.extras
        return batch.extras | around_holes(self.family, _pixels(batch), hole_seeds())


def _pixels(batch: Batch) -> Tensor:
    assert batch.pixels is not None
    return batch.pixels
