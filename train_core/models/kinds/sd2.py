"""Stable Diffusion 2.x: OpenCLIP ViT-H, whose last layer is never used, and noise or velocity as the target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from train_core.models.family import Names, Target
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.parts import Part
from train_core.models.targets import text_encoder_targets, unet_targets
from train_core.models.text.text_part import open_clip_part
from train_core.models.text.text_states import TextReading
from train_core.models.unet_part import SD_ATTENTION, unet_part
from train_core.models.vae_part import VAE

PAD = 0  # the token of "!"


class SD2(StableDiffusion):
    """The family of SD 2.0 and 2.1. Its text module holds 23 of the file's 24 layers, as diffusers' folders do."""

    kind = "sd2"
    parts: ClassVar[Mapping[str, Part]] = {
        "text_encoder": open_clip_part("text encoder", "cond_stage_model.model.", spare=1),
        "unet": unet_part(SD_ATTENTION),
        "vae": VAE,
    }
    readings = (TextReading("text_encoder", pad=PAD),)

    @property
    def names(self) -> Names:
        if self.prediction_type == "v_prediction":
            return Names("sd_v2_v", "stable-diffusion-v2-768-v", v2=True)
        return Names("sd_v2", "stable-diffusion-v2-512", v2=True)

    def targets(self) -> list[Target]:
        """The text encoder's layers, then the U-Net's."""
        return [*text_encoder_targets(self.modules["text_encoder"]), *unet_targets(self.modules["unet"])]
