"""The adapter that is trained."""

from __future__ import annotations

from typing import Literal

from train_core.config.setting import Section, setting, when, when_set

LoraType = Literal["Standard"]


class NetworkSettings(Section, title="Network"):
    LoRA_type: LoraType = setting("Standard", "The adapter's algorithm.", label="LoRA type")
    network_dim: int = setting(
        32, "Rank of the adapter: its capacity, and its file size.", label="Network rank (dimension)", ge=1, le=1024,
    )
    network_alpha: float = setting(
        16.0, "Strength is alpha / rank; equal to the rank means 1.", label="Network alpha", gt=0, le=4096,
    )
    conv_dim: int | None = setting(
        None, "Rank for 3x3 convolutions; empty trains none.", label="Convolution rank", ge=1, le=1024,
        applies_to=when("network_train_text_encoder_only", False),
    )
    conv_alpha: float = setting(
        1.0, "Alpha of the 3x3 convolutions.", label="Convolution alpha", gt=0, le=4096,
        applies_to=when_set("conv_dim"),
    )
    network_dropout: float = setting(
        0.0, "Dropout on the rank activations.", label="Network dropout", ge=0, lt=1, advanced=True,
    )
    rank_dropout: float = setting(
        0.0, "Chance that a rank is left out, per sample.", label="Rank dropout", ge=0, lt=1, advanced=True,
    )
    module_dropout: float = setting(
        0.0, "Chance that a whole module is left out of a step.", label="Module dropout", ge=0, lt=1, advanced=True,
    )
    network_train_unet_only: bool = setting(
        False, "Train the U-Net only, not the text encoder.", label="Train U-Net only",
    )
    network_train_text_encoder_only: bool = setting(
        False, "Train the text encoder only, not the U-Net.", label="Train text encoder only", advanced=True,
    )
