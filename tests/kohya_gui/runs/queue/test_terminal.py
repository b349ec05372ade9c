"""The queue in the terminal: every action, with the same queue that a page has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui import cli
from kohya_gui.runs.process import Identity, remember
from kohya_gui.runs.queue import queueing
from kohya_gui.runs.queue.queue_file import load
from kohya_gui.runs.queue.runner import runner_lock
from tests.event_lines import EventLog
from tests.kohya_gui.runs.conftest import HERE, wait_until
from tests.kohya_gui.runs.queue.conftest import Add, status, waiting
from train_core.config.files import read_tables
from train_core.config.places import home, runs_dir

REPOSITORY = Path(__file__).parents[4]
Gate = Callable[[str], None]


def queue(*words: str) -> int:
    return cli.main(["queue", *words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Settings for the job that waits."""
    path = tmp_path / "my wait.toml"
    path.write_text(f'job = "waiting_job:Wait"\ntitle = "w"\ngate = {json.dumps(str(tmp_path / "w.gate"))}\n', "utf-8")
    return path


def test_files_are_added_with_changes_and_a_time(file: Path, capfd: pytest.CaptureFixture) -> None:
    assert queue("add", "--at", "+2h", str(file), str(file), "--title", "other") == 0
    assert [name.removesuffix("-2") for name in waiting()] == ["other", "other"]
    assert all(entry.not_before > 0 for entry in load().entries)
    assert "Nobody runs the queue" in capfd.readouterr().out
    assert queue() == 0
    shown = capfd.readouterr().out
    assert "2 waiting" in shown and shown.count("not before") == 2 and "nobody runs it" in shown


def test_a_training_that_cannot_be_run_is_not_added(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('output_name = "x"\n')
    assert queue("add", str(path)) == 1
    assert "pretrained_model_name_or_path" in capfd.readouterr().err
    assert waiting() == [] and not runs_dir().exists()


def test_runs_are_named_by_number_name_or_part_of_it(add: Add, capfd: pytest.CaptureFixture) -> None:
    runs = [add(title) for title in ("fox", "fox dog", "cat")]
    assert queue("move", "3", "first") == 0
    assert waiting() == ["cat", "fox", "fox dog"]
    assert queue("remove", "cat", runs[0]) == 0
    assert waiting() == ["fox dog"]
    assert not (runs_dir() / runs[0]).exists()
    assert queue("remove", "wolf") == 1
    assert "wolf" in capfd.readouterr().err
    add("fox")
    assert queue("remove", "fox") == 1
    assert "Write more" in capfd.readouterr().err
    assert len(waiting()) == 2


def test_a_waiting_run_is_edited_and_timed(add: Add, capfd: pytest.CaptureFixture) -> None:
    run = add("a")
    assert queue("edit", "a", "--title", "other name") == 0
    assert read_tables(runs_dir() / run / "config.toml")["wait"]["title"] == "other name"
    assert queue("edit", "a", "--title", "x", "--no_such_thing", "1") == 1
    assert "no_such_thing" in capfd.readouterr().err
    assert queue("at", "2030-01-31 23:00", "1") == 0
    assert "not before 2030-01-31 23:00" in capfd.readouterr().out
    assert queue("at", "now") == 0
    assert load().entries[0].not_before == 0.0


def test_the_queue_s_own_settings(capfd: pytest.CaptureFixture) -> None:
    assert queue("pause") == queue("at-once", "2") == queue("when-empty", "command", "prog", "-h", "--x", "a b") == 0
    kept = load()
    assert (kept.paused, kept.at_once, kept.when_empty) == (True, 2, "command")
    assert kept.command == ("prog", "-h", "--x", "a b")
    shown = capfd.readouterr().out
    assert "paused" in shown and "2 at once" in shown and "prog -h --x a b" in shown
    assert queue("resume") == queue("when-empty", "power-off") == 0
    assert load().when_empty == "power_off"
    for wrong in (["at-once", "0"], ["at-once", "many"], ["when-empty", "explode"], ["at", "noon"], ["move", "1", "2"]):
        assert queue(*wrong) == 1
    assert (load().at_once, load().when_empty) == (2, "power_off")


@pytest.mark.parametrize("words", [["add"], ["remove"], ["when-empty"], ["bla"], ["list", "--bla"]])
def test_half_a_command_is_answered_with_one_line(words: list[str], capfd: pytest.CaptureFixture) -> None:
    assert queue(*words) == cli.USAGE_ERROR
    assert capfd.readouterr().err.count("\n") == 1


def test_a_run_that_was_prepared_or_did_run_can_be_added_by_its_name(add: Add, open_gate: Gate) -> None:
    run = add("a")
    queueing.change(lambda known: known.without(run))  # as after a crash between preparing and adding
    assert queue("add", run) == 0
    assert [entry.run for entry in load().entries] == [run]
    open_gate("a")
    assert queue("run") == 0
    assert queue("add", run) == 0  # now it is another run with its settings
    assert [name.removesuffix("-2") for name in waiting()] == ["a"]  # numbered if the second has not passed yet
    assert load().entries[0].run != run


def test_running_the_queue_shows_each_run_and_ends_with_the_last(
    add: Add, open_gate: Gate, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    first, refused, dead = add("a"), add("b", broken=str(tmp_path / "fault")), add("c", dies=True)
    (tmp_path / "fault").touch()
    open_gate("a")
    assert queue("run") == 0
    shown = capfd.readouterr().out
    for words in (f"Started: {first}", f"Completed: {first}", f"Not started: {refused}", "This job is broken.",
                  f"Lost: {dead}", "waiting\n", "The queue is empty."):
        assert words in shown, words
    assert shown.index(f"Completed: {first}") < shown.index(f"Started: {dead}")
    assert waiting() == ["b"]


def test_a_second_runner_is_refused(add: Add, capfd: pytest.CaptureFixture) -> None:
    add("a")
    with runner_lock():
        assert queue("run") == 1
    assert "already" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that stands for Ctrl-C in one process alone")
def test_ctrl_c_leaves_the_run_alone_and_the_next_terminal_goes_on(add: Add, open_gate: Gate) -> None:
    run, _ = add("a"), add("b")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(REPOSITORY)])}
    command = [sys.executable, "-m", "kohya_gui.cli", "queue", "run"]
    shell = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    wait_until(lambda: status(run) == "running")
    shell.send_signal(signal.SIGINT)
    shown, _ = shell.communicate(timeout=60)
    assert shell.returncode == 130 and "goes on" in shown
    assert status(run) == "running"
    open_gate("a")
    open_gate("b")
    assert queue("run") == 0
    assert status(run) == "completed" and waiting() == []


def test_a_paused_training_waits_for_its_turn_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the run is the one that waits, with the state to go on from in its settings."""
    from train_core.config.files import read_config, write_toml  # noqa: PLC0415
    from train_core.config.places import program_presets_dir  # noqa: PLC0415

    config = read_config(
        program_presets_dir() / "lora" / "demo.json", {"output_dir": str(tmp_path / "out"), "output_name": "x"}
    ).config
    folder = runs_dir() / "20260101-000000-x"
    EventLog(folder / "events.jsonl").write("finished", status="paused", path="", step=4)
    write_toml(folder / "config.toml", config)
    remember(folder, Identity(2**22 + 1, 1.0))
    state = tmp_path / "out" / "x-step00000004-state"
    state.mkdir(parents=True)
    header = b'{"0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (state / "tensors.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (state / "parts.json").write_text("{}", encoding="utf-8")
    (state / "state.json").write_text(json.dumps({
        "format": 1, "step": 4, "total_steps": 9, "written": 4.0, "output_name": "x", "name": "x",
        "run_dir": str(folder), "data": "", "settings": config.applicable(), "files": [],
    }), encoding="utf-8")  # fmt: skip
    assert queue("add", folder.name[16:], "--resume", "last") == 0
    assert [entry.run for entry in load().entries] == [folder.name]
    assert read_tables(folder / "config.toml")["resume"]["resume"] == str(state)
    assert queue("remove", "1") == 0
    assert (folder / "events.jsonl").exists()
    assert home().is_dir()
