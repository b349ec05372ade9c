"""The files and states that a run leaves in the output folder: how often it saves one, and how many stay."""

from __future__ import annotations

from train_core.config.sections.output import OutputSettings
from train_core.config.sections.resume import ResumeSettings
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


def kept_states(output: OutputSettings, resume: ResumeSettings, length: StepCount) -> int:
    """Number of states that are there when a run of this length is complete, without those that are asked for."""
    every = epochs_between_files(output, length) if resume.save_state else 0
    after_epochs = [epoch * length.steps_per_epoch for epoch in range(every, length.epochs, every)] if every else []
    after_steps = {
        *_multiples(resume.save_state_every_n_steps, length.total + 1),
        *_multiples(output.save_every_n_steps if resume.save_state else 0, length.total),
    } - {*after_epochs}
    final = resume.save_state or resume.save_state_on_train_end
    newest = length.total if final else max([*after_epochs, *after_steps], default=0)
    oldest = newest - (resume.save_last_n_steps_state or output.save_last_n_steps or newest)
    epochs = min(len(after_epochs), resume.save_last_n_epochs_state or output.save_last_n_epochs or len(after_epochs))
    return final + epochs + sum(step >= oldest for step in after_steps)


def _multiples(every: int, end: int) -> range:
    return range(every, end, every) if every else range(0)
