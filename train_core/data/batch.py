"""One step's samples, as the loop receives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from train_core.data.moments import Moments
from train_core.facts.images.buckets import Size


@dataclass(frozen=True)
class Batch:
    """B samples of one bucket; either `moments` (cached) or `pixels` is there.

    `moments` are unscaled, fp32, (B, C, h, w); `pixels` (B, 3, H, W), fp32 in [-1, 1]. `indices` (B,) are sample
    indices: with seed and `epoch` (from 0) they decide every draw. `weights` (B,) multiply each sample's loss; the sum
    of the products is this process's loss, and a padding sample weighs 0. `original_sizes` (B, 2) hold width and height
    before scaling; `crops` (B, 2) hold left and top of the crop in the scaled image. `masks` (B, 1, h, w) in [0, 1] say
    how much each latent counts; None when all count alike. `indices` are always on the CPU, all else where `mapped` put
    it.
    """

    epoch: int
    bucket: Size
    indices: Tensor
    weights: Tensor
    captions: list[str]
    original_sizes: Tensor
    crops: Tensor
    moments: Moments | None = None
    pixels: Tensor | None = None
    masks: Tensor | None = None

    @property
    def extras(self) -> dict[str, Tensor]:
        """Conditioning besides text, if a model takes any, each (B, 2): sizes as width, height; crops as left, top."""
        target = torch.tensor([self.bucket]).expand(len(self.indices), 2).to(self.crops.device, non_blocking=True)
        return {"original_sizes": self.original_sizes, "crops": self.crops, "target_sizes": target}

    def of_size(self, count: int) -> Batch:
        """A batch of `count` samples: these ones, again and again. Its loss is `count` / B times as large."""
        return self.rows([row % len(self.indices) for row in range(count)])

    def rows(self, rows: list[int]) -> Batch:
        """A batch of these samples of it, in this order."""

        def taken(values: Tensor) -> Tensor:
            return values[torch.tensor(rows, device=values.device)]

        captions = [self.captions[row] for row in rows]
        return replace(self.mapped(taken), indices=self.indices[rows], captions=captions)

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The same batch with `change` made to each of its tensors but `indices`, from which the host draws."""
        moments = self.moments
        return replace(
            self,
            weights=change(self.weights), original_sizes=change(self.original_sizes), crops=change(self.crops),
            moments=moments and replace(moments, mean=change(moments.mean), logvar=change(moments.logvar)),
            pixels=None if self.pixels is None else change(self.pixels),
            masks=None if self.masks is None else change(self.masks),
        )
