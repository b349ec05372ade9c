"""Runs side by side: one process to a run folder, one run to a name, though they start at the same instant."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.event_lines import Event, read_events
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds
from train_core.config.places import app_dir, runs_dir
from train_core.facts.run.result_names import free_name, reserve_free_name, reserve_name
from train_core.facts.run.states import states_in

Job = subprocess.Popen[str]


@pytest.fixture
def jobs() -> Iterator[list[Job]]:
    """The jobs of a test, which are killed at its end."""
    started: list[Job] = []
    yield started
    for job in started:
        job.kill()
        job.wait()


def start(jobs: list[Job], config: Path, **environment: str) -> Job:
    command = [sys.executable, "-m", "train_core", "train", "--config_file", str(config)]
    own = {**os.environ, "PYTHONPATH": str(app_dir()), "OMP_NUM_THREADS": "1", **environment}
    job = subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    jobs.append(job)
    return job


def events_of(run_dir: Path) -> list[Event]:
    return read_events(run_dir / "events.jsonl")


def wait_for_progress(job: Job) -> Path:
    """The folder of the one run that there is, once it has done steps."""
    while job.poll() is None:
        found = list(runs_dir().iterdir()) if runs_dir().is_dir() else []
        if found and kinds(events_of(found[0]), "progress"):
            return found[0]
        time.sleep(0.1)
    pytest.fail(job.communicate()[0])


def test_a_second_trainer_in_a_run_folder_is_refused_until_the_first_is_killed(
    prepare: Prepare, jobs: list[Job]
) -> None:
    first = start(jobs, prepare("zuko", max_train_epochs=4000, save_state_every_n_steps=2, save_last_n_steps_state=2))
    run_dir = wait_for_progress(first)
    second = start(jobs, run_dir / "config.toml")
    said, _ = second.communicate(timeout=100)
    assert second.returncode == 1
    assert f"Another process is writing to the run folder {run_dir}" in said
    assert not kinds(events_of(run_dir), "error")
    assert not kinds(events_of(run_dir), "finished")
    first.kill()
    first.wait()
    state = max(states_in(Path(kinds(events_of(run_dir), "started")[0]["output_dir"])), key=lambda state: state.step)
    third = start(jobs, prepare("zuko", max_train_steps=state.step + 1, max_train_epochs=0, resume=str(state.path)))
    assert third.wait(timeout=100) == 0, third.communicate()[0]
    assert events_of(run_dir)[-1]["status"] == "completed"


def test_runs_of_one_name_that_start_at_once_share_no_file_and_no_state(
    prepare: Prepare, tmp_path: Path, jobs: list[Job]
) -> None:
    config = prepare("zuko", save_every_n_epochs=1, save_state=True)
    for number in range(3):  # with homes of their own, so that nothing but the output folder is shared
        start(jobs, config, CRUCIBLE_HOME=str(tmp_path / f"home {number}"))
    assert [job.wait(timeout=200) for job in jobs] == [0, 0, 0]
    out = tmp_path / "out"
    own = [
        [event["path"] for kind in ("saved", "state") for event in kinds(events_of(run_dir), kind)]
        for number in range(3) for run_dir in (tmp_path / f"home {number}" / "runs").iterdir()
    ]  # fmt: skip
    assert sum(map(len, own)) == len({path for paths in own for path in paths}) == 3 * 4
    assert {path.name for path in out.glob("*.safetensors") if "-0" not in path.name} == {
        "zuko.safetensors", "zuko-2.safetensors", "zuko-3.safetensors",
    }  # fmt: skip
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


def test_a_name_is_free_again_once_its_run_has_ended_without_a_result(tmp_path: Path) -> None:
    reserved = reserve_free_name(tmp_path / "new" / "out", "家")
    assert reserved.name == "家"
    reserved.release()
    assert free_name(tmp_path / "new" / "out", "家") == "家"
    assert list((tmp_path / "new" / "out").iterdir()) == []
    (tmp_path / "new" / "out" / "家-000001-state").mkdir()
    again = reserve_free_name(tmp_path / "new" / "out", "家")
    assert again.name == "家-2"
    again.release()
    reserve_name(tmp_path / "new" / "out", "家").release()  # by the run that goes on with it


