"""Stable Diffusion XL: two text encoders, and a U-Net that is told sizes and crop (Podell et al., 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from train_core import kinds
from train_core.config.phrases import phrase
from train_core.models.family import Conditioning
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.parts import Part
from train_core.models.text.text_part import clip_part, open_clip_part
from train_core.models.text.text_states import TextReading
from train_core.models.unet_part import unet_part
from train_core.models.vae_part import VAE

PAD = 0  # the second encoder's: the token of "!"


class SDXL(StableDiffusion):
    """The family of SDXL base models: CLIP ViT-L as "text_encoder", OpenCLIP ViT-bigG as "text_encoder_2".

    Both are read one layer before the last without the last norm, whether clip skip is 1 or 2; from 3 on it goes
    deeper in both.
    """

    kind = kinds.SDXL
    parts: ClassVar[Mapping[str, Part]] = {
        "text_encoder": clip_part("conditioner.embedders.0.transformer.text_model."),
        "text_encoder_2": open_clip_part(
            phrase("second_text_encoder", "second text encoder"), "conditioner.embedders.1.model.", projects=True
        ),
        "unet": unet_part(kinds.SDXL.unet_attention),
        "vae": VAE,
    }
    readings = (
        TextReading("text_encoder", layer=2, final_norm=False),
        TextReading("text_encoder_2", pad=PAD, layer=2, final_norm=False, pooled=True),
    )

    def _added(
        self, noisy: Tensor, conditioning: Conditioning, extras: Mapping[str, Tensor]
    ) -> dict[str, Tensor] | None:
        """The pooled text (B, 1280) and six numbers (B, 6): height and width before scaling, top and left of the crop,
        height and width of the picture that is to come out."""
        size = [self.vae_factor * noisy.shape[3], self.vae_factor * noisy.shape[2]]
        whole = torch.tensor([size], device=noisy.device).expand(len(noisy), 2)
        target = extras.get("target_sizes", whole)
        numbers = (extras.get("original_sizes", target), extras.get("crops", torch.zeros_like(whole)), target)
        time_ids = torch.cat([pair.to(noisy.device).flip(1) for pair in numbers], dim=1)
        return {"text_embeds": conditioning["pooled"], "time_ids": time_ids.float()}
