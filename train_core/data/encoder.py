"""The one thing that data asks of a model: turn pixels into latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from train_core.data.moments import Moments


@dataclass(frozen=True)
class Encoder:
    """A VAE as the caches see it.

    `fingerprint` changes whenever the weights or their number format do. `encode` takes pixels (B, 3, H, W) in [-1, 1],
    fp32 on the CPU, moves them where its weights are, and returns moments (B, C, h, w) of any dtype on any device.
    """

    fingerprint: str
    encode: Callable[[Tensor], Moments]
