"""The optimizer, its rates and their schedule."""

from __future__ import annotations

from typing import Literal

from train_core.config.setting import Section, setting, when

Schedule = Literal["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"]
OPTIMIZERS = (
    "AdamW", "AdamW8bit", "Lion", "Lion8bit", "Adafactor", "SGDNesterov", "DAdaptation", "DAdaptAdam",
    "DAdaptAdaGrad", "DAdaptSGD", "DAdaptLion", "DAdaptAdan",
)


class OptimizerSettings(Section, title="Optimizer"):
    optimizer_type: str = setting(
        "AdamW8bit", "The optimizer, or the dotted path of any class that torch can use as one.", label="Optimizer",
        suggestions=OPTIMIZERS, min_length=1,
    )
    optimizer_args: list[str] = setting(
        [], "Extra arguments as key=value, one a line.", label="Optimizer arguments", lines=2, advanced=True,
    )
    learning_rate: float = setting(
        1e-4, "Learning rate of whatever has none of its own. D-Adaptation wants 1.", label="Learning rate", ge=0,
        le=100,
    )
    unet_lr: float | None = setting(
        None, "Learning rate of the U-Net; empty uses the learning rate.", label="U-Net learning rate", ge=0, le=100,
        applies_to=when("network_train_text_encoder_only", False),
    )
    text_encoder_lr: float | None = setting(
        None, "Learning rate of the text encoder; half of the U-Net's is usual.", label="Text encoder learning rate",
        ge=0, le=100, applies_to=when("network_train_unet_only", False),
    )
    lr_scheduler: Schedule = setting("cosine", "How the learning rate moves over the run.", label="Schedule")
    lr_warmup_steps: str = setting(
        "0", "Steps until the full learning rate: a number, or a share such as 10%.", label="Warm-up",
        pattern=r"^\s*(\d+|0?\.\d+|\d+(\.\d+)?\s*%)\s*$",
        applies_to=when(
            "lr_scheduler", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial"
        ),
    )
    lr_scheduler_num_cycles: int = setting(
        1, "How often the schedule restarts.", label="Restarts", ge=1, le=1000,
        applies_to=when("lr_scheduler", "cosine_with_restarts"),
    )
    lr_scheduler_power: float = setting(
        1.0, "Power of the polynomial.", label="Polynomial power", ge=0, le=100,
        applies_to=when("lr_scheduler", "polynomial"),
    )
    max_grad_norm: float = setting(
        1.0, "Gradients longer than this are shortened; 0 is off.", label="Max gradient norm", ge=0, advanced=True,
    )
