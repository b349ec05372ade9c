"""How runs are found and how each stands."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs import control
from kohya_gui.runs.index import active_runs, list_runs
from kohya_gui.runs.process import Identity, find, identify, recall, remember
from kohya_gui.runs.registry import find_run, read_run
from tests.event_lines import EventLog, read_events
from tests.kohya_gui.runs.conftest import new_run_folder, wait_until
from train_core.config.places import runs_dir


def status(folder) -> str:
    return read_run(folder).status


def bare_run(events=()):
    folder = new_run_folder("x")
    (folder / "config.toml").touch()
    if events:
        log = EventLog(folder / "events.jsonl")
        for kind, fields in events:
            log.write(kind, **fields)
        log.close()
    return folder


def test_there_are_no_runs_in_a_fresh_home():
    assert list_runs() == []


def test_a_run_that_nobody_has_started_is_queued():
    assert status(bare_run()) == "queued"


@pytest.mark.parametrize("end", ["completed", "stopped", "failed"])
def test_the_job_has_the_last_word(end):
    assert status(bare_run([("started", {}), ("finished", {"status": end})])) == end


def test_a_process_that_went_without_a_word_is_lost():
    folder = bare_run([("started", {})])
    remember(folder, Identity(pid=2**22 + 1, started=1.0))
    assert status(folder) == "lost"


def test_a_recycled_process_number_is_not_taken_for_the_run():
    folder = bare_run([("started", {})])
    mine = identify(os.getpid())
    remember(folder, mine)
    assert status(folder) == "running"
    remember(folder, Identity(mine.pid, mine.started - 1000))
    assert find(recall(folder)) is None
    assert status(folder) == "lost"


def test_a_job_started_by_hand_is_known_by_the_number_it_tells():
    assert status(bare_run([("started", {"pid": os.getpid()})])) == "running"
    old = bare_run()
    (old / "events.jsonl").write_text(json.dumps({"kind": "started", "pid": os.getpid(), "time": 1.0}) + "\n")
    assert status(old) == "lost"


def test_a_run_goes_from_running_over_stopping_to_stopped(run_job):
    folder = run_job("train")
    wait_until(lambda: read_run(folder).step > 2)
    assert status(folder) == "running"
    assert [run.id for run in active_runs()] == [folder.name]
    control.stop(folder)
    wait_until(lambda: status(folder) != "running")  # a request that is being taken is neither a file nor an event
    assert status(folder) in ("stopping", "stopped")
    wait_until(lambda: status(folder) == "stopped")
    kinds = [event["kind"] for event in read_events(folder / "events.jsonl")]
    assert kinds[-3:] == ["ack", "saved", "finished"]
    assert active_runs() == []


def test_a_deaf_job_stays_stopping_until_it_is_killed(run_job):
    folder = run_job("deaf")
    wait_until(lambda: read_events(folder / "events.jsonl"))
    control.stop(folder)
    time.sleep(0.2)
    assert status(folder) == "stopping"
    assert control.kill(folder)
    assert status(folder) == "stopped"
    assert not control.kill(folder)


def test_a_finished_run_tells_its_steps(run_job):
    folder = run_job("train", steps=3)
    wait_until(lambda: status(folder) == "completed")
    run = read_run(folder)
    assert (run.name, run.step, run.total_steps) == ("x", 3, 3)


def test_a_long_run_tells_the_last_step_that_was_written_whole():
    steps = [("progress", {"step": step, "total_steps": 2000}) for step in range(1, 2001)]
    folder = bare_run([("started", {"total_steps": 2000}), *steps])
    with (folder / "events.jsonl").open("a", encoding="utf-8") as events:
        events.write('{"kind": "progress", "time": 1.0, "st')
    assert (read_run(folder).step, read_run(folder).total_steps) == (2000, 2000)


def test_runs_come_newest_first_and_foreign_things_are_passed_over():
    runs = runs_dir()
    runs.mkdir(parents=True)
    for name in ("20260101-000000-a", "20260102-000000-b", "99999999-999999-nodate", "notes", "20260103-000000-empty"):
        (runs / name).mkdir()
    for name in ("20260101-000000-a", "20260102-000000-b", "99999999-999999-nodate"):
        (runs / name / "config.toml").touch()
    (runs / "20260104-000000-file").write_text("no folder")
    assert [run.name for run in list_runs()] == ["b", "a"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.binary(max_size=300), process=st.binary(max_size=60))
def test_torn_files_never_hide_the_other_runs(crucible_home, events, process):
    folder = runs_dir() / "20260101-000000-torn"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").touch()
    (folder / "events.jsonl").write_bytes(events)
    (folder / "process.json").write_bytes(process)
    assert [run.id for run in list_runs()] == [folder.name]


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../x", "20260101-000000-a/../..", "/etc", "20260101-000000-..\\..\\x"]
)
def test_a_name_that_leaves_the_folder_is_no_run(name):
    (runs_dir() / "20260101-000000-a").mkdir(parents=True)
    (runs_dir().parent / "config.toml").touch()
    assert find_run(name) is None
