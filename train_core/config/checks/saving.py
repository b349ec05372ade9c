"""Settings of files and states that have no effect."""

from __future__ import annotations

import sys
import unicodedata

from train_core.config.file_names import RESERVED
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import joined
from train_core.config.problems import Problem, problem
from train_core.config.sections.method import WHOLE
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.resume import ResumeSettings

FORMATS = {
    **dict.fromkeys(WHOLE, ("safetensors", "ckpt", "diffusers")), "textual inversion": ("safetensors", "pt", "png"),
}  # fmt: skip


def name_contradictions(output: OutputSettings, on_windows: bool = sys.platform == "win32") -> list[Problem]:
    """Problems with names that files cannot have."""
    name = output.output_name
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return [
            problem(
                "output_name_control",
                "output_name = {name} contains a line break or another control character, which file names cannot "
                "contain. Remove it.",
                name=repr(name),
            )
        ]
    if on_windows and RESERVED.fullmatch(name):
        return [
            problem(
                "output_name_reserved",
                "output_name = {name}: Windows reserves this name for devices. Choose another one.",
                name=name,
            )
        ]
    return []


def format_contradictions(config: TrainConfig) -> list[Problem]:
    """A problem with a format that results of this method cannot have."""
    method, kind = config.method.training_method, config.output.save_model_as
    possible = FORMATS.get(method, ("safetensors",))
    if kind in possible:
        return []
    return [
        problem(
            "format_not_of_method",
            "save_model_as = {kind} is no format for what {method} makes. Choose {possible}.",
            kind=kind, method=method, possible=joined("or", possible),
        )
    ]


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
