"""The base model that is trained on."""

from __future__ import annotations

from typing import Literal

from train_core.config.setting import Section, setting

TokenLength = Literal[75, 150, 225]
Parameterization = Literal["auto", "epsilon", "v"]


class ModelSettings(Section, title="Source model"):
    pretrained_model_name_or_path: str = setting(
        "",
        "The model to train on: a .safetensors or .ckpt file, or a diffusers folder. The kind is recognised from "
        "the file.", label="Base model", path="file", required=True,
    )
    vae: str = setting(
        "", "Another VAE to use instead of the model's own; empty keeps it.", label="VAE", path="file", advanced=True,
    )
    no_half_vae: bool = setting(
        True, "Let the VAE calculate in fp32. Off is faster; pictures that half precision cannot hold are still done "
        "in fp32.", label="No half VAE", advanced=True,
    )
    v_parameterization: Parameterization = setting(
        "auto", "What the base model predicts: noise (epsilon) or velocity (v). Auto goes by the model.",
        label="Prediction type", advanced=True,
    )
    clip_skip: int = setting(
        1, "Which text encoder layer is used, counted from the last. 2 suits most anime models. SDXL reads the second "
        "last at 1 and at 2.", label="Clip skip", ge=1, le=12,
    )
    max_token_length: TokenLength = setting(
        75, "How many tokens of a caption are read; longer captions are cut.", label="Max token length", unit="tokens",
        advanced=True,
    )
