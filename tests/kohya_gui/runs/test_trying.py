"""Tries from page and terminal in real processes: what they tell is remembered, and nothing else of them is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.runs import terminal, trying
from kohya_gui.runs.costs import expected_of
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import read_run
from kohya_gui.runs.trying import clear_tries, remembered, settle, start_try
from tests.event_lines import EventLog
from tests.kohya_gui.runs.conftest import new_run_folder, stand_in, wait_until
from tests.train_core.jobs.conftest import draw_images, write_job
from train_core.config.files import read_config, write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.jobs.try_out import TryConfig
from train_core.config.places import caches_dir, runs_dir
from train_core.events.kinds import Tried
from train_core.facts.run.costs import work_digest


@pytest.fixture
def tiny_job(tmp_path: Path) -> Path:
    """Settings that train the tiny model."""
    return write_job(tmp_path / "tiny.toml", draw_images(tmp_path / "images"), tmp_path / "out", output_name="zuko")


def leave(name: str, settings: TrainConfig, job: type[TrainConfig], *lines: dict) -> Path:
    """A run's folder as an ended process leaves it."""
    folder = new_run_folder(name)
    write_toml(folder / "config.toml", settings, job)
    log = EventLog(folder / "events.jsonl")
    for line in lines:
        log.write(**line)
    log.close()
    return folder


def test_a_try_in_the_terminal_tells_and_leaves_nothing(tiny_job: Path, tmp_path: Path, capfd) -> None:
    before = tiny_job.read_bytes()
    assert terminal.run("try", tiny_job, {}) == 0
    shown = capfd.readouterr().out
    assert "A step takes" in shown
    assert "Run folder" not in shown
    assert not list(runs_dir().iterdir())
    assert not (tmp_path / "out").exists()
    assert tiny_job.read_bytes() == before
    config = read_config(tiny_job, {}).config
    found = remembered(work_digest(config))
    assert found is not None
    assert found.total_steps == 8
    expected = expected_of(config)
    assert expected is not None
    assert (expected.run, expected.measured) == ("", found)


def test_two_processes_can_try_together(tiny_job: Path, capfd) -> None:
    prompt = {"sample_prompts": "a dog --s 1 --w 64 --h 64"}
    assert terminal.run("try", tiny_job, {"num_processes": "2", "train_batch_size": "1", **prompt}) == 0
    shown = capfd.readouterr().out
    assert "A step takes" in shown
    assert "largest batch" not in shown  # one of them could not end alone
    assert not list(runs_dir().iterdir())


def test_a_try_from_the_page_can_be_followed_and_is_settled_once_it_has_ended(config, monkeypatch) -> None:
    stand_in(monkeypatch, "try")
    handle = start_try(config)
    wait_until(lambda: read_run(handle.folder).status == "completed")
    handle.process.wait()
    found = settle(handle.folder)
    assert isinstance(found, Tried)
    assert (found.largest_batch, found.values) == (4, {"train_batch_size": 4})
    assert not handle.folder.exists()
    assert remembered("0123456789abcdef") == found


def test_a_try_that_was_stopped_is_removed_too_and_tells_nothing(config) -> None:
    folder = leave("x-try", config, TryConfig, {"kind": "finished", "status": "stopped", "path": None, "step": 3})
    assert settle(folder) is None
    assert not folder.exists()


def test_a_try_whose_console_is_needed_stays_until_the_next_one(config) -> None:
    error = {"kind": "error", "code": "unexpected", "text": "…", "params": {}}
    folder = leave("x-try", config, TryConfig, error, {"kind": "finished", "status": "failed", "path": None, "step": 0})
    assert settle(folder) is None
    assert folder.exists()
    clear_tries()
    assert not folder.exists()


def test_clearing_touches_neither_trainings_nor_what_runs(config, run_job) -> None:
    ended = {"kind": "finished", "status": "completed", "path": None, "step": 3}
    training = leave("my-try", config, TrainConfig, ended)
    waiting = leave("other-try", config, TryConfig)
    (waiting / "events.jsonl").unlink()
    clear_tries()
    assert training.exists()
    assert waiting.exists()  # it is queued


def test_a_running_try_keeps_others_from_the_device(config_file, run_job, capfd) -> None:
    running = run_job("deaf")
    wait_until(lambda: read_run(running).status == "running")
    assert terminal.run("try", config_file, {}) == 1
    assert "is still running" in capfd.readouterr().err
    assert [run.folder for run in list_runs()] == [running]


@pytest.fixture
def config_file(config, tmp_path: Path) -> Path:
    write_toml(tmp_path / "c.toml", config)
    return tmp_path / "c.toml"


def measured(config: TrainConfig, **values: object) -> dict:
    known = {"device": "cpu", "card": "", "steps": 100, "seconds_per_step": 2.5, "peak_memory": 2**30}
    return {"kind": "measured", "work": work_digest(config), **known, **values}


def test_a_past_run_that_did_the_same_work_says_what_to_expect(config) -> None:
    assert expected_of(config) is None
    leave("old", config, TrainConfig, measured(config), {"kind": "finished", "status": "completed"})
    leave("other", config, TrainConfig, measured(config, work="0" * 16), {"kind": "finished", "status": "completed"})
    leave("short", config, TrainConfig, measured(config, steps=3), {"kind": "finished", "status": "stopped"})
    expected = expected_of(config)
    assert expected is not None
    assert (expected.run, expected.measured.seconds_per_step, expected.measured.peak_memory) == ("old", 2.5, 2**30)
    assert expected.when is not None
    other = config.model_copy(update={"training": config.training.model_copy(update={"train_batch_size": 7})})
    assert expected_of(other) is None


def test_no_word_of_an_event_becomes_a_path(config, tmp_path: Path) -> None:
    line = {**measured(config, work="../../x"), "kind": "tried"}
    assert settle(leave("x-try", config, TryConfig, line, {"kind": "finished", "status": "completed"})) is not None
    assert not list(tmp_path.rglob("x.json"))


def test_without_room_on_the_drive_the_figure_is_lost_and_nothing_else(config, monkeypatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trying, "write_text", full)
    line = {**measured(config), "kind": "tried"}
    assert settle(leave("x-try", config, TryConfig, line, {"kind": "finished", "status": "completed"})) is not None
    assert not (caches_dir() / "tries").exists()
