"""Length, batch, precision and seed of the run."""

from __future__ import annotations

from typing import Literal

from train_core.config.setting import Section, setting

Precision = Literal["no", "fp16", "bf16"]


class TrainingSettings(Section, title="Parameters"):
    max_train_epochs: int = setting(
        10, "How many times every image is seen, times its repeats. 0 means: go by steps instead.", label="Epochs",
        unit="epochs", ge=0,
    )
    max_train_steps: int = setting(
        0, "Optimizer steps; the run ends here if that comes before the last epoch. 0 means: go by epochs.",
        label="Max train steps", unit="steps", ge=0,
    )
    train_batch_size: int = setting(1, "Images per step and device.", label="Train batch size", ge=1, le=1024)
    gradient_accumulation_steps: int = setting(
        1, "Batches to collect for each optimizer step.", label="Gradient accumulation steps", ge=1, le=1024,
        zero_unset=True,
    )
    mixed_precision: Precision = setting(
        "bf16", "Number format for calculations: bf16 for RTX 30 and newer and for CPU, fp16 for older cards.",
        label="Mixed precision",
    )
    seed: int = setting(
        0, "Determines everything random: the same seed gives the same run.", label="Seed", ge=0, le=2**63 - 1,
    )
