"""Validation settings that contradict each other."""

from __future__ import annotations

from train_core.config.problems import Problem, problem
from train_core.config.sections.validation import ValidationSettings


def validation_contradictions(validation: ValidationSettings) -> list[Problem]:
    """Contradictions that make these settings impossible together."""
    asked = validation.validation_split or validation.validation_data_dir
    if validation.validation_split and validation.validation_data_dir:
        return [
            problem(
                "validation_twice",
                "validation_split and validation_data_dir are both set. Set validation_split to 0 to use the folder, "
                "or clear validation_data_dir to hold out training images.",
            )
        ]
    if asked and not validation.validate_every_n_epochs and not validation.validate_every_n_steps:
        return [
            problem(
                "validation_never",
                "There are images for validation, but validate_every_n_epochs and validate_every_n_steps are both 0. "
                "Set one of them, for example validate_every_n_epochs = 1.",
            )
        ]
    return []
