"""The list of runs is quick since runs that have ended are not read again, and right since changed ones are."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from kohya_gui.runs.index import RunIndex, active_runs, list_runs
from kohya_gui.runs.process import Identity, remember
from kohya_gui.runs.registry import RunInfo, read_run
from tests.event_lines import EventLog
from train_core.config.places import runs_dir

NAMES = ("20260101-000000-a", "20260102-000000-b")


@pytest.fixture
def folders() -> list[Path]:
    """Two runs that have ended."""
    for name, status in zip(NAMES, ("completed", "paused"), strict=True):
        log = EventLog(runs_dir() / name / "events.jsonl")
        log.write("started", total_steps=10, epochs=1)
        log.write("progress", step=7, total_steps=10)
        log.write("finished", status=status, path="")
        log.close()
        (runs_dir() / name / "config.toml").touch()
    return [runs_dir() / name for name in NAMES]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "index.json"


def index(file: Path) -> RunIndex:
    """The index as a server has it that has just been started."""
    return RunIndex(runs_dir(), file)


def change_unnoticed(events: Path) -> None:
    """Write other events of the same size and time."""
    before = events.stat()
    events.write_text(events.read_text("utf-8").replace("completed", "no_status"), "utf-8")
    os.utime(events, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_runs_are_listed_as_their_folders_tell(folders: list[Path], file: Path) -> None:
    assert index(file).runs() == [read_run(folder) for folder in reversed(folders)]
    assert [(run.status, run.step, run.total_steps) for run in index(file).runs()][1] == ("completed", 7, 10)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_run_that_has_ended_is_not_read_again(folders: list[Path], file: Path, restarted: bool) -> None:
    known = index(file)
    before = known.runs()
    change_unnoticed(folders[0] / "events.jsonl")
    assert read_run(folders[0]) != before[1]
    assert (index(file) if restarted else known).runs() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "runs": {"x": [1]}}', '{"version": 2, "runs": {}}',
                                  '{"version": 1, "runs": {"20260101-000000-a": [0, 0, 0, "running", 1, 1]}}'])
def test_an_index_that_cannot_be_used_is_made_again(folders: list[Path], file: Path, text: str) -> None:
    expected = index(file).runs()
    written = file.read_text("utf-8")
    file.write_text(text, "utf-8")
    assert index(file).runs() == expected
    assert file.read_text("utf-8") == written


def test_an_index_that_cannot_be_written_does_no_harm(folders: list[Path], file: Path) -> None:
    file.mkdir()
    assert len(index(file).runs()) == 2


def test_a_run_that_goes_on_in_its_folder_is_active_again_and_ends_again(folders: list[Path]) -> None:
    assert active_runs() == []
    log = EventLog(folders[1] / "events.jsonl")
    log.write("started", total_steps=10, epochs=1, pid=os.getpid())
    assert [run.id for run in active_runs()] == [NAMES[1]]
    log.write("finished", status="completed", path="")
    assert [run.status for run in list_runs()] == ["completed", "completed"]


def test_what_is_written_down_about_the_process_is_noticed(file: Path) -> None:
    folder = runs_dir() / NAMES[0]
    EventLog(folder / "events.jsonl").write("started", total_steps=10, epochs=1)
    (folder / "config.toml").touch()
    known = index(file)
    assert [run.status for run in known.runs()] == ["lost"]
    remember(folder, Identity(2**22 + 1, 1.0, killed=True))
    assert [run.status for run in known.runs()] == ["stopped"]


def test_new_runs_come_and_deleted_ones_go(folders: list[Path], file: Path) -> None:
    known = index(file)
    assert ids(known.runs()) == ["20260102-000000-b", "20260101-000000-a"]
    shutil.rmtree(folders[1])
    (runs_dir() / "20260103-000000-c").mkdir()
    (runs_dir() / "20260103-000000-c" / "config.toml").touch()
    assert ids(known.runs()) == ["20260103-000000-c", "20260101-000000-a"]
    assert ids(index(file).runs()) == ["20260103-000000-c", "20260101-000000-a"]


def ids(runs: list[RunInfo]) -> list[str]:
    return [run.id for run in runs]
