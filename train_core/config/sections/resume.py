"""States from which a run can continue exactly, and resuming from one."""

from __future__ import annotations

from train_core.config.setting import Section, setting


class ResumeSettings(Section, title="Stopping and resuming"):
    resume: str = setting(
        "", "Continue from a state folder; \"last\" uses this run's newest complete one. Rates, length, saving and "
        "samples may differ from the interrupted run's settings.", label="Resume from", path="state",
    )
    save_state: bool = setting(False, "With every saved file, also write a state to resume from.", label="Save states")
    save_state_every_n_steps: int = setting(
        0, "Also write a state every n steps, whether or not a file is saved then; 0 is off.",
        label="Save state every n steps", unit="steps", ge=0,
    )
    save_state_on_train_end: bool = setting(
        False, "Also write a state at the end, so that the run can be extended later.", label="Save state at the end",
        advanced=True,
    )
    save_last_n_epochs_state: int = setting(
        0, "Keep only the newest n states named after epochs; 0 keeps as many as there are files.",
        label="Keep states of last n epochs", unit="states", ge=0, advanced=True,
    )
    save_last_n_steps_state: int = setting(
        0, "Remove this run's step states that are more than n steps old; 0 keeps them as long as the files.",
        label="Keep states of last n steps", unit="steps", ge=0, advanced=True,
    )
