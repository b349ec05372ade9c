"""Runs of the job that waits, and whatever is left of them killed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kohya_gui.runs import control
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.queue import queueing
from kohya_gui.runs.queue.queue_file import load
from kohya_gui.runs.queue.runner import Runner
from kohya_gui.runs.registry import AT_WORK, read_run
from tests.kohya_gui.runs.conftest import HERE, wait_until
from train_core.config.jobs.table import job_of
from train_core.config.places import runs_dir

Add = Callable[..., str]


@pytest.fixture(autouse=True)
def known_job(crucible_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(HERE))
    yield
    for run in list_runs():
        control.kill(run.folder)


@pytest.fixture
def add(tmp_path: Path) -> Add:
    """`add(title)` lets a run wait and returns its name; its job ends once `open_gate(title)` was called."""

    def put(title: str, job: str = "Wait", not_before: float = 0.0, **settings: object) -> str:
        known = job_of(f"waiting_job:{job}")
        given = {"title": title, "gate": str(tmp_path / f"{title}.gate"), **settings}
        return queueing.add(known, known.from_flat(given), not_before).run

    return put


@pytest.fixture
def open_gate(tmp_path: Path) -> Callable[[str], None]:
    return lambda title: (tmp_path / f"{title}.gate").touch()


def standing(runner: Runner) -> dict[str, str]:
    """Status of every run by its title, after a look of the runner."""
    runner.look()
    return {run.name: run.status for run in list_runs()}


def waiting() -> list[str]:
    """Titles of the runs in the queue, in their order."""
    return [entry.run.partition("-")[2].partition("-")[2] for entry in load().entries]


def status(run: str) -> str:
    found = read_run(runs_dir() / run)
    assert found is not None
    return found.status


def until_all_have_ended() -> None:
    wait_until(lambda: all(run.status not in AT_WORK for run in list_runs()))
