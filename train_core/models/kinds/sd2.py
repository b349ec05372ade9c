"""Stable Diffusion 2.x: OpenCLIP ViT-H, whose last layer is never used, and noise or velocity as the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from train_core import kinds
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.parts import Part
from train_core.models.text.text_part import open_clip_part
from train_core.models.text.text_states import TextReading
from train_core.models.unet_part import unet_part
from train_core.models.vae_part import VAE

PAD = 0  # the token of "!"


class SD2(StableDiffusion):
    """The family of SD 2.0 and 2.1. Its text module holds 23 of the file's 24 layers, as diffusers' folders do."""

    kind = kinds.SD2
    parts: ClassVar[Mapping[str, Part]] = {
        "text_encoder": open_clip_part("text encoder", "cond_stage_model.model.", spare=kinds.SD2.spare_text_layers),
        "unet": unet_part(kinds.SD2.unet_attention),
        "vae": VAE,
    }
    readings = (TextReading("text_encoder", pad=PAD),)
