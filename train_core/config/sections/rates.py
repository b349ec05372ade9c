"""Learning rates of single blocks and layers, as factors on their part's rate."""

from __future__ import annotations

from train_core.config.conditions import all_of, when, when_set
from train_core.config.sections.method import FOR_ADAPTER, FOR_PARTS
from train_core.config.sections.network import LOW_RANK_TYPES
from train_core.config.setting import Section, setting

LOW_RANK = all_of(FOR_ADAPTER, when("LoRA_type", *LOW_RANK_TYPES))
IN_UNET = when("network_train_text_encoder_only", False)
IN_TEXT = when("network_train_unet_only", False)
WEIGHED = when_set("down_lr_weight", "mid_lr_weight", "up_lr_weight")


class RateSettings(Section, title="Rates of blocks and layers", applies_to=FOR_PARTS):
    loraplus_lr_ratio: float | None = setting(
        None, "LoRA+ (Hayou et al., 2024): the up layers learn this many times faster; 16 is usual.",
        label="LoRA+ ratio", zero_unset=True, gt=0, le=1000, advanced=True, applies_to=LOW_RANK,
    )
    loraplus_unet_lr_ratio: float | None = setting(
        None, "LoRA+ ratio of the U-Net, if different.", label="LoRA+ ratio of the U-Net", gt=0, le=1000, advanced=True,
        zero_unset=True, applies_to=all_of(LOW_RANK, IN_UNET),
    )
    loraplus_text_encoder_lr_ratio: float | None = setting(
        None, "LoRA+ ratio of the text encoder, if different.", label="LoRA+ ratio of the text encoder", gt=0, le=1000,
        zero_unset=True, advanced=True, applies_to=all_of(LOW_RANK, IN_TEXT),
    )
    down_lr_weight: str = setting(
        "", "Factors on the learning rate of the U-Net's down blocks, such as 0,0,1; or cosine, sine, linear, "
        "reverse_linear or zeros, with an optional offset such as sine+0.2. A factor of 0 leaves the block untrained.",
        label="Down block factors", plain=True, advanced=True, applies_to=IN_UNET,
    )
    mid_lr_weight: str = setting(
        "", "The same for the middle block: one factor, three for SDXL.", label="Middle block factors", advanced=True,
        plain=True, applies_to=IN_UNET,
    )
    up_lr_weight: str = setting(
        "", "The same for the up blocks.", label="Up block factors", plain=True, advanced=True, applies_to=IN_UNET,
    )
    block_lr_zero_threshold: float = setting(
        0.0, "Factors up to this count as 0.", label="Zero threshold of the factors", ge=0, le=100, advanced=True,
        applies_to=WEIGHED,
    )
