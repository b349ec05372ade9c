"""States from which a run can continue exactly, and resuming from one."""

from __future__ import annotations

from train_core.config.setting import Section, setting


class ResumeSettings(Section, title="Stopping and resuming"):
    resume: str = setting(
        "", "Go on from a state folder; \"last\" takes this run's newest whole one. Rates, length, saving and samples "
        "may differ from the interrupted run's settings.",
        label="Resume from", path="state",
    )
    save_state: bool = setting(
        False, "Beside every saved file, also write a state that a run can be resumed from.", label="Save states",
    )
    save_state_every_n_steps: int = setting(
        0, "Also write a state every n steps, whether or not a file is saved then; 0 is off.",
        label="Save state every n steps", unit="steps", ge=0,
    )
    save_state_on_train_end: bool = setting(
        False, "Write a state at the end too, so that the run can be made longer later.",
        label="Save state at the end", advanced=True,
    )
    save_last_n_epochs_state: int = setting(
        0, "Keep only the newest n states named after epochs; 0 keeps as many as files are kept.",
        label="Keep states of last n epochs", unit="states", ge=0, advanced=True,
    )
    save_last_n_steps_state: int = setting(
        0, "Remove this run's step states that are older than n steps; 0 keeps as long as files are kept.",
        label="Keep states of last n steps", unit="steps", ge=0, advanced=True,
    )
