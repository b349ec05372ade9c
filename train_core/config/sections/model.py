"""Which base model is trained on."""

from __future__ import annotations

from typing import Literal

from train_core.config.setting import Section, setting

TokenLength = Literal[75, 150, 225]


class ModelSettings(Section, title="Source model"):
    pretrained_model_name_or_path: str = setting(
        "",
        "The model to train on: a .safetensors or .ckpt file, or a diffusers folder. The kind is recognised from "
        "the file.", label="Base model", path="file", required=True,
    )
    vae: str = setting(
        "", "Another VAE to use instead of the model's own; empty keeps it.", label="VAE", path="file", advanced=True,
    )
    clip_skip: int = setting(
        1, "Which text encoder layer is used, counted from the last. 2 suits most anime models.", label="Clip skip",
        ge=1, le=12,
    )
    max_token_length: TokenLength = setting(
        75, "How many tokens of a caption are read; longer captions are cut.", label="Max token length", unit="tokens",
        advanced=True,
    )
