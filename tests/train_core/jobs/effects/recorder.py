"""Recording what a model is shown and what it answers, at the methods that every family offers to the loop."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from train_core.models.kinds.stable_diffusion import StableDiffusion

_BETAS = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
ALPHAS = torch.cumprod(1 - _BETAS, 0).float()  # of the schedule that Stable Diffusion was trained with


@dataclass(frozen=True)
class Pass:
    """A batch on its way through the model.

    `pictures` tells whose latents they are, `pixels` are each picture's (3, H, W) that was encoded since the pass
    before: its own, unless latents are cached. `weighted` tells whether captions were read with weights, `learns`
    whether something is learnt from the answer.
    """

    captions: list[str]
    weighted: bool
    hidden: Tensor
    pictures: list[str]
    pixels: list[Tensor]
    latents: Tensor
    noisy: Tensor
    timesteps: Tensor
    extras: dict[str, Tensor]
    answer: Tensor
    unet_dtype: torch.dtype
    learns: bool

    @property
    def alphas(self) -> Tensor:
        """Cumulative alphas (B, 1, 1, 1) at the timesteps."""
        return ALPHAS[self.timesteps.long()].view(-1, 1, 1, 1)

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratios (B,)."""
        alphas = self.alphas.flatten()
        return alphas / (1 - alphas)

    @property
    def noise(self) -> Tensor:
        """The noise that was mixed into the latents, (B, 4, h, w)."""
        return (self.noisy.float() - self.alphas.sqrt() * self.latents) / (1 - self.alphas).sqrt()

    @property
    def velocity(self) -> Tensor:
        """sqrt(a) noise - sqrt(1 - a) latents, (B, 4, h, w)."""
        return self.alphas.sqrt() * self.noise - (1 - self.alphas).sqrt() * self.latents

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""
        height, width = self.latents.shape[2:]
        return 8 * width, 8 * height


@dataclass
class Record:
    """All passes of a run, the number formats that the VAE encoded in, and the pixels that it encoded."""

    passes: list[Pass] = field(default_factory=list)
    vae_dtypes: set[torch.dtype] = field(default_factory=set)
    encoded: list[Tensor] = field(default_factory=list)


@dataclass
class _Pending:
    """Records since the last pass."""

    captions: list[str] = field(default_factory=list)
    weighted: bool = False
    pixels: list[Tensor] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    latents: Tensor | None = None


def record(patch: pytest.MonkeyPatch) -> Record:
    """Have every Stable Diffusion model note what passes its public methods, while `patch` lasts."""
    kept, pending = Record(), _Pending()
    encode_text, encode_images = StableDiffusion.encode_text, StableDiffusion.encode_images
    to_latents, predict = StableDiffusion.to_latents, StableDiffusion.predict

    def noting_text(self: StableDiffusion, captions: Any, extra_tokens: Any = None, weighted: bool = False) -> Any:
        pending.captions += captions
        pending.weighted = weighted
        return encode_text(self, captions, extra_tokens, weighted)

    def noting_images(self: StableDiffusion, pixels: Tensor) -> Any:
        kept.vae_dtypes.add(self.modules["vae"].dtype)
        kept.encoded += pixels.clone()
        pending.pixels += pixels.clone()
        return encode_images(self, pixels)

    def noting_latents(self: StableDiffusion, moments: Any, noise: Tensor | None = None) -> Tensor:
        latents = to_latents(self, moments, noise)
        pending.pictures = [hashlib.sha256(mean.numpy().tobytes()).hexdigest() for mean in moments.mean]
        pending.latents = latents.clone()
        return latents

    def noting_pass(
        self: StableDiffusion, noisy: Tensor, timesteps: Tensor, conditioning: Any, extras: Any = None
    ) -> Tensor:
        nonlocal pending
        answer = predict(self, noisy, timesteps, conditioning, extras)
        if pending.latents is not None:  # else it is no picture's: a sample that is drawn, a question at loading
            kept.passes.append(Pass(
                captions=pending.captions, weighted=pending.weighted, hidden=conditioning["hidden"].detach().clone(),
                pictures=pending.pictures, pixels=pending.pixels, latents=pending.latents, noisy=noisy.clone(),
                timesteps=timesteps.clone(), extras=dict(extras or {}), answer=answer.detach().clone(),
                unet_dtype=self.modules["unet"].dtype, learns=torch.is_grad_enabled(),
            ))  # fmt: skip
        pending = _Pending()
        return answer

    patch.setattr(StableDiffusion, "encode_text", noting_text)
    patch.setattr(StableDiffusion, "encode_images", noting_images)
    patch.setattr(StableDiffusion, "to_latents", noting_latents)
    patch.setattr(StableDiffusion, "predict", noting_pass)
    return kept
