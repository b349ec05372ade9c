"""The base model that is trained on."""

from __future__ import annotations

from typing import Literal

from train_core.config.setting import Section, setting

TokenLength = Literal[75, 150, 225]
Parameterization = Literal["auto", "epsilon", "v"]


class ModelSettings(Section, title="Source model"):
    pretrained_model_name_or_path: str = setting(
        "", "The model to train on: a .safetensors or .ckpt file, or a diffusers folder. Its kind is detected from the "
        "file.", label="Base model", path="file", required=True,
    )
    vae: str = setting(
        "", "A VAE to use instead of the model's own; empty keeps the model's.", label="VAE", path="file",
        advanced=True,
    )
    no_half_vae: bool = setting(
        True, "Run the VAE in fp32. Off is faster; images that half precision cannot handle still use fp32.",
        label="No half VAE", advanced=True,
    )
    v_parameterization: Parameterization = setting(
        "auto", "What the base model predicts: noise (epsilon) or velocity (v). auto decides by the model itself.",
        label="Prediction type", advanced=True,
    )
    clip_skip: int = setting(
        1, "Which text encoder layer to use, counted from the last. 2 suits most anime models. SDXL uses the "
        "second-to-last layer at both 1 and 2.", label="Clip skip", zero_unset=True, ge=1, le=12,
    )
    max_token_length: TokenLength = setting(
        75, "How many tokens of a caption are read; longer captions are cut off.", label="Max token length",
        unit="tokens", advanced=True,
    )
