"""The adapter that is trained: its algorithm, its size, and where it sits."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import all_of, when, when_above, when_set
from train_core.config.sections.method import FOR_ADAPTER, FOR_PARTS
from train_core.config.setting import Section, setting

LoraType = Literal["LoRA", "LoRA-FA", "DyLoRA", "LoHa", "LoKr", "GLoRA", "IA3", "Diag-OFT", "BOFT", "Full"]
LAYERS = (
    "auto", "attn-mlp", "attn-only", "full", "full-lin", "unet-only", "unet-transformer-only", "unet-convblock-only",
    "ia3",
)  # fmt: skip
LOW_RANK_TYPES = ("LoRA", "LoRA-FA", "DyLoRA")
RANKED = all_of(
    FOR_ADAPTER, when("LoRA_type", *LOW_RANK_TYPES, "LoHa", "LoKr", "GLoRA", "Diag-OFT", "BOFT"),
)
SCALED = all_of(FOR_ADAPTER, when("LoRA_type", *LOW_RANK_TYPES, "LoHa", "LoKr", "GLoRA"))
NUMBERS = r"^\s*(\d+(\.\d+)?(\s*,\s*\d+(\.\d+)?)*)?\s*$"
IN_UNET = all_of(FOR_ADAPTER, when("network_train_text_encoder_only", False))
CONVS = all_of(RANKED, when_set("conv_dim", "conv_block_dims"), IN_UNET)


class NetworkSettings(Section, title="Network", applies_to=FOR_PARTS):
    LoRA_type: LoraType = setting(
        "LoRA", "The adapter's algorithm. LoRA suits nearly everything; choose another only if you know why.",
        label="LoRA type", applies_to=FOR_ADAPTER,
    )
    LyCORIS_preset: str = setting(
        "auto", "Which layers get an adapter: auto takes the same as LoRA, or as LoCon if a convolution rank is set. "
        "It can also be a TOML file in LyCORIS's preset format, with names, patterns and their own settings.",
        label="Layers", suggestions=LAYERS, min_length=1, path="layers", advanced=True,
        applies_to=FOR_ADAPTER,
    )
    network_dim: int = setting(
        32, "Rank of the adapter: sets its capacity and file size. For OFT and BOFT it is the target block size.",
        label="Network rank (dimension)", ge=1, le=1024, applies_to=RANKED,
    )
    network_alpha: float = setting(
        16.0, "Strength is alpha / rank; with alpha equal to the rank it is 1.", label="Network alpha", gt=0, le=4096,
        applies_to=SCALED,
    )
    conv_dim: int | None = setting(
        None, "Rank for 3x3 convolutions; empty leaves them untrained.", label="Convolution rank", ge=1, le=1024,
        zero_unset=True, applies_to=IN_UNET,
    )
    conv_alpha: float = setting(
        1.0, "Alpha of the 3x3 convolutions.", label="Convolution alpha", gt=0, le=4096, applies_to=CONVS,
    )
    network_dropout: float = setting(
        0.0, "Dropout on the rank activations.", label="Network dropout", ge=0, lt=1, advanced=True,
        applies_to=all_of(FOR_ADAPTER, when("LoRA_type", "LoRA", "LoRA-FA")),
    )
    rank_dropout: float = setting(
        0.0, "Chance that a rank is dropped, per sample; for algorithms without ranks, that the change of an output "
        "is.", label="Rank dropout", ge=0, lt=1, advanced=True, applies_to=all_of(FOR_ADAPTER, when(
            "LoRA_type", "LoRA", "LoRA-FA", "LoHa", "LoKr", "GLoRA", "IA3", "Diag-OFT", "BOFT", "Full",
        )),
    )
    rank_dropout_scale: bool = setting(
        False, "Scale up what rank dropout leaves, so that the sum stays about the same.", label="Scale rank dropout",
        advanced=True, applies_to=all_of(
            FOR_ADAPTER, when("LoRA_type", "LoHa", "LoKr", "GLoRA", "IA3", "Diag-OFT", "BOFT", "Full"),
            when_above("rank_dropout", 0),
        ),
    )
    module_dropout: float = setting(
        0.0, "Chance that a whole module is skipped in a step.", label="Module dropout", ge=0, lt=1, advanced=True,
        applies_to=FOR_ADAPTER,
    )
    scale_weight_norms: float = setting(
        0.0, "After each step, limit every module's change to this norm, which keeps an adapter from burning in; 1 is "
        "usual, 0 is off.", label="Scale weight norms", ge=0, le=1000, advanced=True,
        applies_to=all_of(FOR_ADAPTER, when(
            "LoRA_type", *LOW_RANK_TYPES, "LoHa", "LoKr", "GLoRA", "IA3", "Full",
        )),
    )
    network_train_unet_only: bool = setting(
        False, "Train the U-Net only, not the text encoder.", label="Train U-Net only",
    )
    network_train_text_encoder_only: bool = setting(
        False, "Train the text encoder only, not the U-Net.", label="Train text encoder only", advanced=True,
    )
    train_norm: bool = setting(
        False, "Also train the normalisation layers, in full, where layers get an adapter.", label="Train norms",
        advanced=True, applies_to=FOR_ADAPTER,
    )
    block_dims: str = setting(
        "", "A separate rank for each block of the U-Net, 25 numbers for SD, 23 for SDXL; 0 leaves a block untrained.",
        label="Block ranks", pattern=r"^\s*(\d+(\s*,\s*\d+)*)?\s*$", advanced=True, applies_to=IN_UNET,
    )
    block_alphas: str = setting(
        "", "The alphas for the block ranks; empty uses the network alpha.", label="Block alphas", pattern=NUMBERS,
        advanced=True, applies_to=all_of(IN_UNET, when_set("block_dims")),
    )
    conv_block_dims: str = setting(
        "", "The same for 3x3 convolutions, with or without a convolution rank; 0 leaves those of a block untrained.",
        label="Convolution block ranks", pattern=r"^\s*(\d+(\s*,\s*\d+)*)?\s*$", advanced=True, applies_to=IN_UNET,
    )
    conv_block_alphas: str = setting(
        "", "The alphas for the convolution block ranks; empty uses the convolution alpha.",
        label="Convolution block alphas", pattern=NUMBERS, advanced=True,
        applies_to=all_of(IN_UNET, when_set("conv_block_dims")),
    )
