"""A run that is resumed goes on in its own folder, and the page forgets what it goes over again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui import cli
from kohya_gui.runs import control, launch, registry, terminal
from kohya_gui.runs.follow import RunFollower
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.process import Identity, remember
from tests.event_lines import EventLog
from tests.kohya_gui.runs.conftest import new_run_folder, stand_in
from train_core.config.files import read_config, write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.events.requests import request, take_requests

State = Callable[..., Path]


@pytest.fixture
def write_state(config: TrainConfig) -> State:
    """`write_state(run_dir, step)` writes a state that is whole as far as can be told without torch."""

    def write(run_dir: Path, step: int) -> Path:
        folder = Path(config.output.output_dir) / f"x-step{step:08d}-state"
        folder.mkdir(parents=True)
        header = b'{"0":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        (folder / "tensors.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        (folder / "parts.json").write_text("{}", encoding="utf-8")
        said = {
            "format": 1, "step": step, "total_steps": 9, "written": float(step), "output_name": "x", "name": "x",
            "run_dir": str(run_dir), "data": "", "settings": config.applicable(), "files": [],
        }  # fmt: skip
        (folder / "state.json").write_text(json.dumps(said), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, TrainConfig]]:
    """Recorder of starts, in place of a process."""
    found: list[tuple[Path, TrainConfig]] = []
    monkeypatch.setattr(
        launch, "launch", lambda folder: found.append((folder, read_config(folder / "config.toml").config))
    )
    return found


def ended_run(config: TrainConfig, status: str = "paused") -> tuple[Path, EventLog]:
    folder = new_run_folder("x")
    write_toml(folder / "config.toml", config)
    log = EventLog(folder / "events.jsonl")
    log.write("stage", name="checking", pid=os.getpid())
    log.write("started", total_steps=9, epochs=1)
    for step in range(1, 6):
        log.write("progress", step=step, total_steps=9, loss=1 / step, average=1 / step, lr={"unet": 1e-4})
    if status:
        log.write("finished", status=status, path="", step=5)
    return folder, log


def test_a_run_is_resumed_in_its_own_folder_from_its_newest_state(
    config: TrainConfig, write_state: State, started: list
) -> None:
    folder, _ = ended_run(config)
    write_state(folder, 2)
    newest = write_state(folder, 4)
    write_state(folder.with_name("20260101-000000-another"), 6)
    request(folder, "stop")
    launch.resume(folder)
    ((where, with_settings),) = started
    assert where == folder
    assert with_settings.resume.resume == str(newest)
    assert take_requests(folder) == {}  # meant for the interrupted run


def test_a_run_whose_folder_is_gone_is_resumed_in_a_new_one(
    config: TrainConfig, write_state: State, started: list
) -> None:
    state = write_state(Path("/gone/20260101-000000-x"), 4)
    launch.start(TrainConfig, launch.resuming(config, state))
    ((where, _),) = started
    assert where.parent == registry.runs_dir()


def test_a_run_that_still_runs_is_not_resumed(config: TrainConfig, write_state: State, started: list) -> None:
    folder, _ = ended_run(config, status="")
    write_state(folder, 4)
    with pytest.raises(UserError) as error:
        launch.resume(folder)
    assert error.value.problems[0].code == "resume_running"
    assert not started


def test_settings_that_may_not_differ_are_refused_before_anything_starts(
    config: TrainConfig, write_state: State, started: list
) -> None:
    folder, _ = ended_run(config)
    write_state(folder, 4)
    with pytest.raises(UserError) as error:
        launch.resume(folder, {"network_dim": "8", "learning_rate": "1e-5"})
    assert [found.params["name"] for found in error.value.problems] == ["network_dim"]
    assert not started


def test_a_resumed_run_counts_as_running_although_it_had_ended(config: TrainConfig) -> None:
    folder, log = ended_run(config)
    view = RunFollower(folder).view
    assert view().status == "paused"
    log.write("stage", name="checking", pid=os.getpid())
    assert view().status == "running"
    assert registry.read_run(folder).status == "running"
    log.write("finished", status="completed", path="/out/x.safetensors")
    assert view().status == registry.read_run(folder).status == "completed"


def test_a_process_started_for_a_run_that_had_ended_makes_it_run_before_it_says_anything(config: TrainConfig) -> None:
    folder, _ = ended_run(config)
    remember(folder, Identity(os.getpid(), 4e9))
    assert registry.read_run(folder).status != "paused"


def test_the_view_forgets_what_is_gone_over_again(config: TrainConfig, write_state: State) -> None:
    folder, log = ended_run(config)
    state = write_state(folder, 2)
    log.write("state", path=str(state), step=2, epoch=1)
    for step in (2, 4):
        log.write("saved", path=f"/out/x-{step}", step=step, epoch=1, final=False)
        log.write("sample", path=f"/out/{step}.png", prompt="p", index=0, step=step, epoch=None, seed=1)
    follower = RunFollower(folder)
    assert follower.view().can_resume
    log.write("stage", name="checking", pid=os.getpid())
    log.write("resumed", step=2, epoch=1, path=str(state))
    log.write("progress", step=3, total_steps=9, loss=0.25, average=0.25, lr={"unet": 1e-5})
    view = follower.view()
    assert [step for step, _ in view.losses] == [1, 2, 3]
    assert [step for step, _ in view.lr_curves["unet"]] == [1, 2, 3]
    assert ([file.step for file in view.saved], [picture.step for picture in view.samples]) == ([2], [2])
    assert (view.step, view.can_resume) == (3, False)


def test_a_rate_is_asked_for_in_words_that_the_job_understands(tmp_path: Path) -> None:
    control.change_rate(tmp_path, " × 0.1 ")
    assert take_requests(tmp_path) == {"learning_rate": "x0.1"}
    control.change_rate(tmp_path, "5e-5")
    assert take_requests(tmp_path) == {"learning_rate": "5e-05"}
    with pytest.raises(UserError):
        control.change_rate(tmp_path, "fast")


def test_a_run_named_in_the_terminal_is_resumed_and_only_what_is_new_is_shown(
    config: TrainConfig, write_state: State, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    folder, _ = ended_run(config)
    long_ago = (folder / "events.jsonl").read_text(encoding="utf-8").replace('"time": ', '"time": 0.')
    (folder / "events.jsonl").write_text(long_ago, encoding="utf-8")
    write_state(folder, 4)
    (folder / "steps").write_text("3")
    stand_in(monkeypatch, "train")
    _, options, _ = cli.read(["train", folder.name, "--resume", "last"])
    assert terminal.run(options.job, options.config, options.overrides) == 0
    shown = capfd.readouterr().out
    assert f"Run folder: {folder}" in shown
    assert "paused" not in shown
    assert "complete" in shown
    assert [run.folder for run in list_runs()] == [folder]


def test_a_run_killed_between_a_states_last_renaming_and_its_event_can_be_resumed(
    config: TrainConfig, write_state: State
) -> None:
    folder, log = ended_run(config, status="")
    log.write("started", total_steps=9, epochs=1, output_dir=config.output.output_dir)
    view = RunFollower(folder)
    assert view.view().status == "running"  # this process is the one that the events name
    assert not view.view().can_resume
    write_state(folder, 4)
    write_state(folder.with_name("20260101-000000-another"), 8)
    assert not view.view().can_resume
    remember(folder, Identity(2**22 + 1, 1.0, born="another start of the system/1", events_before=0))
    log.write("stage", name="checking", pid=2**22 + 1, born="another start of the system/1")
    assert view.view().status == "lost"
    assert view.view().can_resume
    assert [state.step for state in view.view().states] == [4]
