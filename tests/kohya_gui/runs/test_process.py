"""A run's process is known whatever the clock is set to, and only one process works in a run's folder."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from kohya_gui.runs import launch
from kohya_gui.runs.process import Identity, find, identify, kill_trees, recall, remember
from kohya_gui.runs.registry import read_run
from tests.event_lines import EventLog
from tests.kohya_gui.runs.conftest import new_run_folder, stand_in, wait_until
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.facts.run.processes import birth_of
from train_core.facts.run.run_folders import LOCK, is_held

HOLDER = "import sys, pathlib; from train_core.facts.run.run_folders import held\n" \
    "with held(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


def set_the_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Shift every clock that tells the date, and the start of the system, which follows it on Linux."""
    now, started = time.time, psutil.boot_time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)
    monkeypatch.setattr(psutil, "boot_time", lambda: started() + seconds)
    if sys.platform == "linux":
        platform: Any = psutil._psplatform
        booted = platform.boot_time
        monkeypatch.setattr(platform, "boot_time", lambda: booted() + seconds)


@pytest.mark.parametrize("seconds", [10, -10, 86_400, -86_400])
def test_a_clock_that_is_set_while_a_run_goes_on_changes_nothing(
    run_job: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    folder = run_job("train")
    wait_until(lambda: read_run(folder).step > 2)
    set_the_clock(monkeypatch, seconds)
    assert read_run(folder).status == "running"
    assert find(recall(folder)) is not None


def test_a_job_that_says_its_number_and_birth_is_known_by_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = new_run_folder("x")
    (folder / "config.toml").touch()
    log = EventLog(folder / "events.jsonl")
    log.write("stage", name="checking", pid=os.getpid(), born=birth_of(os.getpid()))
    for seconds in (10, -86_400):
        set_the_clock(monkeypatch, seconds)
        assert read_run(folder).status == "running"
    log.write("stage", name="checking", pid=os.getpid(), born="another start of the system/1")
    assert read_run(folder).status == "lost"


def test_a_birth_is_this_processes_own(tmp_path: Path) -> None:
    assert birth_of(os.getpid()) == birth_of(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert birth_of(child.pid) not in (None, birth_of(os.getpid()))
    child.kill()
    child.wait()
    assert birth_of(child.pid) is None
    assert birth_of(2**31 - 1) is None


def test_what_an_older_version_has_written_down_is_still_found() -> None:
    folder = new_run_folder("x")
    started = psutil.Process().create_time()
    (folder / "process.json").write_text(json.dumps({"pid": os.getpid(), "started": started, "killed": False}))
    assert recall(folder) == Identity(os.getpid(), started)
    assert find(recall(folder)).pid == os.getpid()
    remember(folder, identify(os.getpid(), 7))
    assert recall(folder).events_before == 7


def test_the_words_of_an_earlier_process_decide_nothing_though_the_clock_was_set_back() -> None:
    folder = new_run_folder("x")
    (folder / "config.toml").touch()
    remember(folder, Identity(2**22 + 1, 1.0, born="another start of the system/1", events_before=0))
    log = EventLog(folder / "events.jsonl")
    log.write("stage", name="checking", pid=2**22 + 2, born="another start of the system/2")
    log.write("finished", status="completed", path="", time=time.time() + 86_400)
    assert read_run(folder).status == "completed"
    remember(folder, identify(os.getpid(), (folder / "events.jsonl").stat().st_size))
    assert read_run(folder).status == "running"
    log.write("finished", status="paused", path="", time=1.0)
    assert read_run(folder).status == "paused"


def test_a_folder_that_another_process_writes_into_is_that_of_a_running_run(config: TrainConfig) -> None:
    folder = launch.prepare(TrainConfig, config)
    EventLog(folder / "events.jsonl").write("started")
    assert read_run(folder).status == "lost"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert holder.stdout.readline().strip() == b"held"
    assert is_held(folder)
    assert read_run(folder).status == "running"
    with pytest.raises(UserError) as error:
        launch.launch(folder)
    assert error.value.problems[0].code == "run_folder_in_use"
    holder.kill()
    holder.wait()
    assert read_run(folder).status == "lost"
    assert (folder / LOCK).is_file()


def start_at(barrier: Any, answers: Any, config: TrainConfig) -> None:
    barrier.wait()
    try:
        answers.put(launch.start(TrainConfig, config).process.pid)
    except UserError as error:
        answers.put(error.problems[0].code)


def test_of_pages_that_start_a_training_at_the_same_instant_one_does(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, "deaf")
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(3), context.Queue()
    pages = [context.Process(target=start_at, args=(barrier, answers, config)) for _ in range(3)]
    for page in pages:
        page.start()
    found = [answers.get(timeout=60) for _ in pages]
    for page in pages:
        page.join()
    kill_trees([psutil.Process(pid) for pid in found if isinstance(pid, int)], grace=0.5)
    assert sorted(str(answer) for answer in found if not isinstance(answer, int)) == ["run_active"] * 2
