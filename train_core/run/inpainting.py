"""Inputs of inpainting models besides the noised latents: masks, and the picture around the holes."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import interpolate

from train_core.diffusion.inpainting_masks import holes_for
from train_core.models.family import Family


def around_holes(family: Family, pixels: Tensor, seeds: Sequence[int]) -> dict[str, Tensor]:
    """"masks" (B, 1, h, w), 1 where to fill, and "masked_latents" (B, C, h, w), scaled, of `pixels` (B, 3, H, W).

    What is hidden is grey, the middle of the pixels' range, before it is encoded (Rombach et al., 2022). Each sample's
    hole follows from its own seed alone.
    """
    holes = holes_for(seeds, (pixels.shape[3], pixels.shape[2])).to(pixels.device)
    masked = family.to_latents(family.encode_images(pixels * (1 - holes)))
    return {"masks": interpolate(holes, masked.shape[2:], mode="nearest"), "masked_latents": masked}
