"""A job from outside is a settings class, the file that does the work, and a row in the table: the recipe, tried."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohya_gui import cli
from kohya_gui.runs import launch, registry
from kohya_gui.runs.follow import follower
from tests.event_lines import read_events
from tests.kohya_gui.runs.conftest import wait_until
from train_core.config.jobs import table
from train_core.config.problems import UserError
from train_core.facts.run.run_folders import job_in

SETTINGS = '''
"""Settings of a job that counts."""

from train_core.config.job import Job
from train_core.config.setting import Section, setting


class CountSettings(Section, title="Count"):
    numbers: int = setting(3, "How far to count.", ge=1)


class Count(Job, name="count", entry="toy_work:count", uses="cpu"):
    """Counts."""

    count: CountSettings = CountSettings()


class CountOnDevice(Count, name="count_on_device", entry="toy_work:count", uses="device"):
    """Counts where trainings train."""


class CountTogether(Count, name="count_together", entry="toy_work:fail"):
    """Fails."""
'''
WORK = '''
"""The work of a job that counts."""

from train_core.config.problems import UserError, problem
from train_core.events.kinds import Finished, Stage


def count(config, run_dir, emit, findings):
    for number in range(1, config.count.numbers + 1):
        emit(Stage(name="counting", done=number, total=config.count.numbers))
    emit(Finished(status="completed", path=None, step=None))


def fail(config, run_dir, emit, findings):
    raise UserError(problem("cannot_count", "No numbers are left."))
'''


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The two files in a folder of their own, and the row."""
    folder = tmp_path / "toys"
    folder.mkdir()
    (folder / "toy_settings.py").write_text(SETTINGS, encoding="utf-8")
    (folder / "toy_work.py").write_text(WORK, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(table, "_rows", dict(table._rows))
    table.add(table.Row(name="count", settings="toy_settings:Count", about="count to a number"))
    table.add(table.Row(name="count_together", settings="toy_settings:CountTogether", about="fail"))
    yield
    for name in ("toy_settings", "toy_work"):
        sys.modules.pop(name, None)


def test_it_waits_in_its_folder_and_runs_when_it_is_launched():
    job = table.job_of("count")
    folder = launch.prepare(job, job.from_flat({"numbers": 5}))
    assert registry.read_run(folder).status == "queued"
    assert job_in(folder) is job
    handle = launch.launch(folder)
    assert handle.process.wait(timeout=60) == 0, (folder / "console.log").read_text(encoding="utf-8")
    counted = [event["done"] for event in read_events(folder / "events.jsonl") if event.get("name") == "counting"]
    assert counted == [1, 2, 3, 4, 5]
    view = follower(folder).view()
    assert (view.status, view.stage, view.stage_done) == ("completed", "counting", 5)
    assert registry.read_run(folder).name == "count"


def test_the_terminal_has_a_word_for_it(tmp_path: Path, capfd: pytest.CaptureFixture):
    file = tmp_path / "mine.toml"
    file.write_text("numbers = 2\n", encoding="utf-8")
    assert "count to a number" in cli.parser_for("page").format_help()
    assert cli.main(["count", str(file), "--numbers", "4"]) == 0
    assert "complete" in capfd.readouterr().out
    (run,) = registry.runs_dir().iterdir()
    assert read_events(run / "events.jsonl")[-2]["done"] == 4
    assert cli.main(["count-together", str(file)]) == 1
    assert "No numbers are left." in capfd.readouterr().out
    assert cli.main(["count", str(file), "--numbers", "0"]) == 1
    assert "numbers" in capfd.readouterr().err


def test_one_job_has_the_device_and_others_do_not_wait_for_it(run_job):
    running = run_job("deaf")
    wait_until(lambda: registry.read_run(running).status == "running")
    on_device = table.job_of("toy_settings:CountOnDevice")
    found = launch.may_start(on_device)
    assert found is not None
    assert (found.code, found.params) == ("run_active", {"name": "x"})
    with pytest.raises(UserError, match="still running"):
        launch.start(on_device, on_device())
    assert launch.may_start(table.job_of("count")) is None
    assert launch.may_start(table.job_of("merge_lora")) is None


def test_what_waits_keeps_nothing_from_starting():
    on_device = table.job_of("toy_settings:CountOnDevice")
    launch.prepare(on_device, on_device())
    assert launch.may_start(on_device) is None
