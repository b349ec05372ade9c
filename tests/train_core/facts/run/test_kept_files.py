"""How many files a run leaves behind."""

from __future__ import annotations

import pytest

from train_core.config.sections.output import OutputSettings
from train_core.config.sections.resume import ResumeSettings
from train_core.facts.run.kept_files import kept_files, kept_states
from train_core.facts.run.steps import StepCount


def length(epochs: int = 10, per_epoch: int = 20) -> StepCount:
    return StepCount(20, 20, per_epoch, per_epoch, epochs, epochs * per_epoch, epochs * per_epoch, ())


@pytest.mark.parametrize(
    ("output", "files"),
    [
        ({}, 1), ({"save_every_n_epochs": 1}, 10), ({"save_every_n_epochs": 3}, 4), ({"save_every_n_epochs": 10}, 1),
        ({"save_every_n_epochs": 1, "save_last_n_epochs": 3}, 4), ({"save_n_epoch_ratio": 5}, 5),
        ({"save_every_n_steps": 50}, 4), ({"save_every_n_steps": 50, "save_last_n_steps": 50}, 3),
        ({"save_every_n_steps": 50, "save_every_n_epochs": 5}, 5), ({"save_every_n_steps": 500}, 1),
    ],
)
def test_the_files_are_the_final_one_and_those_between_that_are_kept(output, files):
    assert kept_files(OutputSettings(**output), length()) == files


@pytest.mark.parametrize(
    ("output", "resume", "states"),
    [  # the first six are those that tests/train_core/jobs/test_saving.py looks at after real runs
        ({"save_every_n_epochs": 1, "save_last_n_epochs": 1}, {"save_state": True}, 2),
        ({"save_every_n_epochs": 1}, {"save_state": True, "save_last_n_epochs_state": 1}, 2),
        ({}, {"save_state_every_n_steps": 3, "save_last_n_steps_state": 2}, 1),
        ({}, {"save_state_on_train_end": True}, 1), ({"save_every_n_epochs": 1}, {}, 0),
        ({"save_every_n_steps": 2, "save_last_n_steps": 3}, {}, 0),
        ({"save_every_n_epochs": 1}, {"save_state": True}, 4), ({}, {"save_state_every_n_steps": 4}, 2),
        ({"save_every_n_steps": 3}, {"save_state": True, "save_state_every_n_steps": 2}, 6),
        ({"save_every_n_epochs": 1}, {"save_state": True, "save_state_every_n_steps": 1}, 9),
    ],
)
def test_states_stay_beside_files_and_between_them(output, resume, states):
    assert kept_states(OutputSettings(**output), ResumeSettings(**resume), length(4, 2)) == states
