"""A waiting run's settings are edited as text, and only ones that can be run take their place."""

from __future__ import annotations

import pytest

from kohya_gui.runs.queue import queueing
from kohya_gui.runs.queue.editing import edit_text, settings_text
from kohya_gui.runs.queue.queue_file import load
from tests.kohya_gui.runs.queue.conftest import Add
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.config.problems import UserError


def test_a_training_gets_the_settings_that_were_typed(config: TrainConfig) -> None:
    run = queueing.add(TrainConfig, config).run
    typed = settings_text(runs_dir() / run).replace("network_dim = 32", "network_dim = 8")
    edit_text(run, typed)
    assert read_config(runs_dir() / run / "config.toml").config.network.network_dim == 8


@pytest.mark.parametrize("typed", ["network_dim = = 8", "[network]\nnetwork_dim = 'many'", "no_such_setting = 1", ""])
def test_settings_that_cannot_be_run_change_nothing(config: TrainConfig, typed: str) -> None:
    run = queueing.add(TrainConfig, config).run
    before = settings_text(runs_dir() / run)
    with pytest.raises(UserError):
        edit_text(run, typed)
    assert settings_text(runs_dir() / run) == before
    assert load().find(run) is not None


def test_another_job_keeps_its_own_settings(add: Add) -> None:
    run = add("a")
    edit_text(run, settings_text(runs_dir() / run).replace('title = "a"', 'title = "b"'))
    assert 'title = "b"' in settings_text(runs_dir() / run)
