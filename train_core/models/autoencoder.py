"""Pictures to latents and back through a VAE, whatever number format it calculates in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from train_core.data.moments import Moments


@torch.no_grad()
def encode(vae: Any, pixels: Tensor) -> Moments:
    """Unscaled moments, each (B, C, h, w), fp32, of `pixels` (B, 3, H, W) in [-1, 1].

    Pictures that overflow a half-precision VAE are encoded again in fp32, and are said to be rescued.
    """
    both, rescued = _finite(vae, pixels, lambda some: torch.cat(_moments(vae, some), dim=1))
    mean, logvar = both.chunk(2, dim=1)
    return Moments(mean, logvar, rescued)


@torch.no_grad()
def decode(vae: Any, latents: Tensor) -> Tensor:
    """Pixels (B, 3, H, W), about [-1, 1], fp32, of unscaled `latents`; in fp32 where half precision overflows."""
    pixels, _ = _finite(vae, latents, lambda some: vae.decode(some.to(vae.post_quant_conv.weight)).sample)
    return pixels


def fingerprint(vae: Any) -> str:
    """A hash of the weights as fp16 and of their number format, the same from whatever file they were read."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(vae.state_dict().items()):
        digest.update(f"{name} {value.dtype}".encode())
        digest.update(value.to("cpu", torch.float16).contiguous().numpy().data)
    return digest.hexdigest()


def _moments(vae: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    distribution = vae.encode(pixels.to(vae.quant_conv.weight)).latent_dist
    return distribution.mean, distribution.logvar


def _finite(
    vae: Any, inputs: Tensor, calculate: Callable[[Tensor], Tensor]
) -> tuple[Tensor, tuple[int, ...]]:
    """`calculate(inputs)` in fp32, done once more in an fp32 VAE for those rows that came out not finite, and these.

    Afterwards the VAE is as before: what a picture becomes must not depend on the pictures before it.
    """
    result = calculate(inputs).float()
    dtype = vae.quant_conv.weight.dtype
    if dtype == torch.float32:
        return result, ()
    overflowed = ~torch.isfinite(result).all(dim=(1, 2, 3))
    if overflowed.any():
        vae.float()
        try:
            result[overflowed] = calculate(inputs[overflowed]).float()
        finally:
            vae.to(dtype)
    return result, tuple(overflowed.nonzero().flatten().tolist())
