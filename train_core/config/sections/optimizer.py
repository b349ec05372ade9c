"""The optimizer, its rates and their schedule."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import all_of, when
from train_core.config.sections.method import FOR_PARTS
from train_core.config.setting import Section, setting

Schedule = Literal[
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr", "polynomial",
    "inverse_sqrt", "warmup_stable_decay", "piecewise_constant", "staged", "adafactor",
]
OPTIMIZERS = (
    "AdamW", "AdamW8bit", "PagedAdamW", "PagedAdamW8bit", "PagedAdamW32bit", "Lion", "Lion8bit", "PagedLion8bit",
    "Adafactor", "Prodigy", "SGDNesterov", "SGDNesterov8bit", "AdamWScheduleFree", "RAdamScheduleFree",
    "SGDScheduleFree", "DAdaptation", "DAdaptAdam", "DAdaptAdaGrad", "DAdaptSGD", "DAdaptLion", "DAdaptAdan",
    "DAdaptAdanIP",
)
STEPS = r"^\s*(\d+|0?\.\d+|\d+(\.\d+)?\s*%)\s*$"
UNTIL = r"^\s*(\d+|0?\.\d+|\d+(\.\d+)?\s*%)?\s*$"
RATE = r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
RATES = rf"^\s*({RATE}(\s*,\s*{RATE})?)?\s*$"


class OptimizerSettings(Section, title="Optimizer"):
    optimizer_type: str = setting(
        "AdamW8bit", "The optimizer's name, or the dotted path of any class that torch can use as one.",
        label="Optimizer", suggestions=OPTIMIZERS, min_length=1,
    )
    optimizer_args: list[str] = setting(
        [], "Extra arguments as key=value, one per line.", label="Optimizer arguments", lines=2, advanced=True,
        arguments=True,
    )
    learning_rate: float = setting(
        1e-4, "Learning rate for every part without a rate of its own. Use 1 for D-Adaptation and Prodigy.",
        label="Learning rate", ge=0, le=100,
    )
    unet_lr: float | None = setting(
        None, "Learning rate of the U-Net; empty uses the learning rate.", label="U-Net learning rate", ge=0, le=100,
        applies_to=all_of(FOR_PARTS, when("network_train_text_encoder_only", False)),
    )
    text_encoder_lr: str = setting(
        "", "Learning rate of the text encoder, usually half of the U-Net's. For SDXL, two rates such as 5e-5,2e-5 set "
        "its first and second text encoder; a single one sets both. Empty uses the learning rate.",
        label="Text encoder learning rate", pattern=RATES,
        applies_to=all_of(FOR_PARTS, when("network_train_unet_only", False)),
    )
    stop_text_encoder_training: str = setting(
        "", "Train the text encoder only up to this step, a number or a share such as 30%, and leave it unchanged "
        "after that. Empty trains it to the end.", label="Stop text encoder training at", pattern=UNTIL, advanced=True,
        applies_to=all_of(FOR_PARTS, when("network_train_unet_only", False)),
    )
    lr_scheduler: Schedule = setting("cosine", "How the learning rate changes over the run.", label="Schedule")
    lr_warmup_steps: str = setting(
        "0", "Steps until the full learning rate is reached: a number, or a share such as 10%.", label="Warm-up",
        pattern=STEPS, applies_to=when(
            "lr_scheduler", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr",
            "polynomial", "inverse_sqrt", "warmup_stable_decay",
        ),
    )
    lr_stages: str = setting(
        "", "Each stage as value:step where it ends, such as 5e-3:12000, 1e-4:20000, 1e-5. With press in place of the "
        "step, as in 5e-3:press, 1e-5, it lasts until you press Next stage; that also ends any other stage. The values "
        "are learning rates for staged, and factors on the learning rate for piecewise_constant.",
        label="Stages", plain=True,
        applies_to=when("lr_scheduler", "staged", "piecewise_constant"),
    )
    lr_decay_steps: str = setting(
        "0", "Length of the decay at the end: a number of steps, or a share such as 20%.", label="Decay",
        pattern=STEPS, applies_to=when("lr_scheduler", "warmup_stable_decay"),
    )
    lr_scheduler_min_lr_ratio: float = setting(
        0.0, "The lowest rate, as a share of the full one.", label="Lowest rate", ge=0, le=1,
        applies_to=when("lr_scheduler", "cosine_with_min_lr", "warmup_stable_decay"),
    )
    lr_scheduler_timescale: int | None = setting(
        None, "Steps until the rate has fallen to 0.7; empty uses the warm-up, or 10000 without one.",
        label="Time scale", unit="steps", ge=1, zero_unset=True, advanced=True,
        applies_to=when("lr_scheduler", "inverse_sqrt"),
    )
    lr_scheduler_num_cycles: int = setting(
        1, "How many times the schedule restarts, or how many half waves the cosine has.", label="Restarts", ge=1,
        le=1000, zero_unset=True,
        applies_to=when("lr_scheduler", "cosine_with_restarts", "cosine_with_min_lr", "warmup_stable_decay"),
    )
    lr_scheduler_power: float = setting(
        1.0, "Power of the polynomial.", label="Polynomial power", ge=0, le=100,
        applies_to=when("lr_scheduler", "polynomial"),
    )
    lr_scheduler_args: list[str] = setting(
        [], "Less common values as key=value, one per line: lr_end for polynomial, min_lr for cosine_with_min_lr, "
        "warmup_type and decay_type (linear, cosine or 1-sqrt) for warmup_stable_decay.", label="Schedule arguments",
        lines=2, advanced=True, arguments=True,
        applies_to=when("lr_scheduler", "polynomial", "cosine_with_min_lr", "warmup_stable_decay"),
    )
    max_grad_norm: float = setting(
        1.0, "Gradients longer than this are clipped; 0 is off.", label="Max gradient norm", ge=0, advanced=True,
    )
    max_grad_value: float = setting(
        0.0, "Each number of the gradients that is larger than this is clipped, before their length is; 0 is off.",
        label="Max gradient value", ge=0, advanced=True,
    )
    ema_decay: float = setting(
        0.0, "Use a moving average of the trained weights for saving, samples and validation; it keeps this share of "
        "itself at each step. 0.999 is usual, 0 is off.", label="EMA decay", ge=0, lt=1, advanced=True,
    )
    find_rate_steps: int = setting(
        200, "Steps of a learning rate search (the job find_rate); training itself does not use it.",
        label="Rate search steps", unit="steps", ge=20, advanced=True,
    )
    fused_backward_pass: bool = setting(
        False, "Update each parameter as soon as its gradient is ready, then drop the gradient: saves memory, but "
        "rules out clipping and accumulation.", label="Fused backward pass", advanced=True,
    )
