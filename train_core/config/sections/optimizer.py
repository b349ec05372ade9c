"""The optimizer, its rates and their schedule."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when
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
        "AdamW8bit", "The optimizer, or the dotted path of any class that torch can use as one.", label="Optimizer",
        suggestions=OPTIMIZERS, min_length=1,
    )
    optimizer_args: list[str] = setting(
        [], "Extra arguments as key=value, one a line.", label="Optimizer arguments", lines=2, advanced=True,
    )
    learning_rate: float = setting(
        1e-4, "Learning rate of whatever has none of its own. D-Adaptation and Prodigy want 1.",
        label="Learning rate", ge=0, le=100,
    )
    unet_lr: float | None = setting(
        None, "Learning rate of the U-Net; empty uses the learning rate.", label="U-Net learning rate", ge=0, le=100,
        applies_to=when("network_train_text_encoder_only", False),
    )
    text_encoder_lr: str = setting(
        "", "Learning rate of the text encoder; half of the U-Net's is usual. Two rates, such as 5e-5,2e-5, are for "
        "SDXL's first and second one; one is for both. Empty uses the learning rate.",
        label="Text encoder learning rate", pattern=RATES, applies_to=when("network_train_unet_only", False),
    )
    stop_text_encoder_training: str = setting(
        "", "The text encoder learns only up to this step, a number or a share such as 30%, and then stays as it is. "
        "Empty lets it learn to the end.", label="Stop text encoder training at", pattern=UNTIL, advanced=True,
        applies_to=when("network_train_unet_only", False),
    )
    lr_scheduler: Schedule = setting("cosine", "How the learning rate moves over the run.", label="Schedule")
    lr_warmup_steps: str = setting(
        "0", "Steps until the full learning rate: a number, or a share such as 10%.", label="Warm-up",
        pattern=STEPS,
        applies_to=when(
            "lr_scheduler", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr",
            "polynomial", "inverse_sqrt", "warmup_stable_decay",
        ),
    )
    lr_stages: str = setting(
        "", "Each stage as value:step where it ends, such as 5e-3:12000, 1e-4:20000, 1e-5. staged takes learning "
        "rates, piecewise_constant factors on the learning rate.", label="Stages",
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
        None, "Steps after which the rate has fallen to 0.7; empty is the warm-up, or 10000.", label="Time scale",
        unit="steps", ge=1, applies_to=when("lr_scheduler", "inverse_sqrt"), advanced=True,
    )
    lr_scheduler_num_cycles: int = setting(
        1, "How often the schedule restarts, or how many half waves the cosine has.", label="Restarts", ge=1, le=1000,
        applies_to=when("lr_scheduler", "cosine_with_restarts", "cosine_with_min_lr", "warmup_stable_decay"),
    )
    lr_scheduler_power: float = setting(
        1.0, "Power of the polynomial.", label="Polynomial power", ge=0, le=100,
        applies_to=when("lr_scheduler", "polynomial"),
    )
    lr_scheduler_args: list[str] = setting(
        [], "Rarer values as key=value, one a line: lr_end for polynomial, min_lr for cosine_with_min_lr, warmup_type "
        "and decay_type (linear, cosine or 1-sqrt) for warmup_stable_decay.", label="Schedule arguments", lines=2,
        advanced=True, applies_to=when("lr_scheduler", "polynomial", "cosine_with_min_lr", "warmup_stable_decay"),
    )
    max_grad_norm: float = setting(
        1.0, "Gradients longer than this are shortened; 0 is off.", label="Max gradient norm", ge=0, advanced=True,
    )
    ema_decay: float = setting(
        0.0, "Save, show and validate a moving average of what is learnt, which keeps this share of itself at each "
        "step; 0.999 is usual, 0 is off.", label="EMA decay", ge=0, lt=1, advanced=True,
    )
    find_rate_steps: int = setting(
        200, "Length of a search for the learning rate (the job find_rate); a training does not use it.",
        label="Steps of a rate search", unit="steps", ge=20, advanced=True,
    )
    fused_backward_pass: bool = setting(
        False, "Move each parameter as soon as its gradient is there and forget the gradient: less memory, without "
        "clipping and accumulation.", label="Fused backward pass", advanced=True,
    )
