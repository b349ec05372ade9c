"""The files that a run leaves in the output folder: how often it saves one, and how many stay."""

from __future__ import annotations

from train_core.config.sections.output import OutputSettings
from train_core.facts.run.steps import StepCount


def epochs_between_files(output: OutputSettings, length: StepCount) -> int:
    """Count the epochs between saved files; from the wanted number of files, such that there are at least that many."""
    if output.save_n_epoch_ratio:
        return max(1, length.epochs // output.save_n_epoch_ratio)
    return output.save_every_n_epochs


def kept_files(output: OutputSettings, length: StepCount) -> int:
    """Number of adapter files that are there when a run of this length is complete."""
    return 1 + _of_epochs(output, length) + _of_steps(output, length)


def _of_epochs(output: OutputSettings, length: StepCount) -> int:
    """Files named after epochs; the last epoch's is the final one."""
    every = epochs_between_files(output, length)
    saved = max(0, length.epochs - 1) // every if every else 0
    return min(saved, output.save_last_n_epochs) if output.save_last_n_epochs else saved


def _of_steps(output: OutputSettings, length: StepCount) -> int:
    """Files named after steps; those that are more than `save_last_n_steps` old are removed."""
    every = output.save_every_n_steps
    saved = max(0, length.total - 1) // every if every else 0
    return min(saved, output.save_last_n_steps // every + 1) if saved and output.save_last_n_steps else saved
