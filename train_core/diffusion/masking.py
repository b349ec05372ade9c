"""Errors averaged over the part of an image that counts."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(errors: Tensor, mask: Tensor | None) -> Tensor:
    """Means (B,) of `errors` (B, C, h, w), weighted by `mask` (B, 1, h, w), fp32 in [0, 1]; None counts all alike.

    Divided by the mask's own sum, so that a small mask teaches as fast as a large one. A sample of which the mask
    leaves nothing, as a random crop may, has the mean 0.
    """
    if mask is None:
        return errors.mean(dim=(1, 2, 3))
    counted = mask.expand_as(errors).sum(dim=(1, 2, 3))
    return (errors * mask).sum(dim=(1, 2, 3)) / torch.where(counted > 0, counted, torch.ones_like(counted))
