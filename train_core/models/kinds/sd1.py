"""Stable Diffusion 1.x: the text encoder of CLIP ViT-L, of which the last layer is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from train_core import kinds
from train_core.models.files.stored import in_memory
from train_core.models.kinds.stable_diffusion import StableDiffusion, single_file
from train_core.models.parts import Part
from train_core.models.text.text_part import clip_part
from train_core.models.text.text_states import TextReading
from train_core.models.unet_part import unet_part
from train_core.models.vae_part import VAE


class SD1(StableDiffusion):
    """The family of SD 1.x. `modules` are "unet", "text_encoder" and "vae"."""

    kind = kinds.SD1
    parts: ClassVar[Mapping[str, Part]] = {
        "text_encoder": clip_part("cond_stage_model.transformer.text_model."),
        "unet": unet_part(kinds.SD1.unet_attention),
        "vae": VAE,
    }
    readings = (TextReading("text_encoder"),)


def original_tensors(modules: Mapping[str, nn.Module], dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights of "unet", "vae" and "text_encoder" under the original Stability names, on the CPU in `dtype`."""
    stored = {name: in_memory(module.state_dict()) for name, module in modules.items()}
    return {name: one.read().to("cpu", dtype) for name, one in single_file(SD1.parts, stored, {}).items()}
