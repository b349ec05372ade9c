"""Measuring on images that are not trained on, and what happens when a run goes wrong."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when_set
from train_core.config.setting import Section, setting

OnDivergence = Literal["warn", "recover"]
VALIDATES = when_set("validation_split", "validation_data_dir")


class ValidationSettings(Section, title="Validation"):
    validation_split: float = setting(
        0.0, "Share of the images held out of training and only used for validation; 0.1 is usual, 0 is off.",
        label="Validation split", ge=0, le=0.5,
    )
    validation_data_dir: str = setting(
        "", "Or a folder of other images to validate on, organised like the image folder.", label="Validation folder",
        path="folder",
    )
    validation_seed: int | None = setting(
        None, "Decides which images are held out, and the noise used to validate; empty uses the run's seed.",
        label="Validation seed", ge=0, le=2**63 - 1, applies_to=VALIDATES, advanced=True,
    )
    validate_every_n_epochs: int = setting(
        1, "Validate every n epochs; 0 is off.", label="Validate every n epochs", unit="epochs", ge=0,
        applies_to=VALIDATES,
    )
    validate_every_n_steps: int = setting(
        0, "Also validate every n steps; 0 is off.", label="Validate every n steps", unit="steps", ge=0,
        applies_to=VALIDATES, advanced=True,
    )
    max_validation_steps: int = setting(
        0, "Validate on at most this many images, always the same ones; 0 uses all.", label="Max validation steps",
        unit="images", ge=0, applies_to=VALIDATES, advanced=True,
    )
    early_stop_patience: int = setting(
        0, "End the run after this many validations without improvement; 0 is off.", label="Early stop patience",
        unit="validations", ge=0, applies_to=VALIDATES,
    )
    on_divergence: OnDivergence = setting(
        "warn", "When the loss stays far above its lowest value: only warn, or go back to the last good state at a "
        "third of the learning rate (recover).", label="On divergence", advanced=True,
    )
