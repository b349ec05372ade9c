"""Settings of files and states that have no effect."""

from __future__ import annotations

from train_core.config.problems import Problem, problem
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.resume import ResumeSettings


def saving_oddities(output: OutputSettings, resume: ResumeSettings) -> list[Problem]:
    """Warnings for settings that keep less, or do less, than they seem to."""
    by_epochs = output.save_every_n_epochs or output.save_n_epoch_ratio
    found = []
    if resume.save_state and not (by_epochs or output.save_every_n_steps or resume.save_state_every_n_steps):
        found.append(
            problem(
                "save_state_at_end_only",
                "save_state writes a state with every saved file, but no file is saved before the end. To be able to "
                "resume, set save_every_n_epochs, save_every_n_steps or save_state_every_n_steps.",
            )
        )
    if output.save_n_epoch_ratio and output.save_every_n_epochs:
        found.append(
            problem(
                "save_every_n_epochs_unused",
                "save_n_epoch_ratio = {ratio} decides when files are saved; save_every_n_epochs = {every} is ignored.",
                ratio=output.save_n_epoch_ratio, every=output.save_every_n_epochs,
            )
        )
    states = resume.save_state or resume.save_state_every_n_steps
    idle = {
        "save_last_n_epochs": output.save_last_n_epochs and not by_epochs,
        "save_last_n_steps": output.save_last_n_steps and not (output.save_every_n_steps or states),
        "save_last_n_epochs_state": resume.save_last_n_epochs_state and not (by_epochs and resume.save_state),
        "save_last_n_steps_state": resume.save_last_n_steps_state and not states,
    }
    found += [
        problem(
            "nothing_to_keep_last",
            "{name} has no effect, because nothing of that kind is saved during training. First set how often to save.",
            name=name,
        )
        for name, without_effect in idle.items()
        if without_effect
    ]
    return found
