"""A run killed sixty times over its whole length, with a drive that fills meanwhile, ends as one that never was."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kohya_gui.runs import launch
from kohya_gui.runs.registry import ACTIVE, read_run
from tests.drives import Drive, small_drive
from tests.event_lines import read_events
from tests.kohya_gui.runs.conftest import wait_until
from tests.train_core.jobs.conftest import draw_images, write_job
from tests.train_core.jobs.test_resume import assert_same_run, newest_run
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.facts.run.states import INFO, PARTS, TENSORS, State, states_in

DYING = Path(__file__).parent / "dying"  # its sitecustomize lets a training die
KILLS, STEPS, EVERY = 60, 240, 10
FILLED = {number for number in range(4, 50) if number % 4 < 2}  # kills before which the drive fills
OF_A_RUN = {"written", "run_dir", "files", "settings"}  # of a state, what names times and places
SETTINGS: dict[str, Any] = {
    "max_train_epochs": 0, "max_train_steps": STEPS, "save_state_every_n_steps": EVERY, "save_last_n_steps_state": 30,
    "save_every_n_steps": 3 * EVERY, "save_state_on_train_end": True, "num_cpu_threads_per_process": 1,
    "network_dropout": 0.2, "shuffle_caption": True, "noise_offset": 0.1, "lr_scheduler": "cosine", "ema_decay": 0.9,
    "sample_at_first": False, "sample_every_n_epochs": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Kill:
    """One kill: what the training is at then, and whether its launcher is killed with it."""

    doing: str
    tree: bool
    death: dict[str, Any]


def plan(number: int, step: int, draws: random.Random, state_bytes: int) -> Kill:
    """The kill of this number, 0 to 59, in a process that begins after `step`: amid a step, or every third in writing.

    Its step lies where `number` does in the whole, or later if the training is beyond that.
    """
    aim = max(number * STEPS // KILLS + 2, step + 1)
    tree = bool(number % 2)
    if number % 3 != 2:
        return Kill("step", tree, {"steps": aim - 1 - step, "calls": draws.randint(1, 400)})
    if number % 12 == 2:
        return Kill("resuming", tree, {"steps": 0, "changes": draws.randint(1, 10)})
    due = min(-(-aim // EVERY) * EVERY, STEPS)
    if number % 12 == 8:
        return Kill("bytes of a state", False, {"steps": due - step, "bytes": draws.randrange(state_bytes)})
    return Kill("writing", tree, {"steps": due - step, "changes": draws.randint(1, 16)})


def go_on(config: TrainConfig, out: Path) -> launch.RunHandle:
    """Do what a user does: resume the run, or start anew where there is no state yet."""
    return launch.resume(newest_run()) if states_in(out) else launch.start(TrainConfig, config)


def await_end(folder: Path) -> None:
    """Wait until the system has cleared up the processes that it ended."""
    wait_until(lambda: read_run(folder).status not in ACTIVE)
    assert read_run(folder).status == "lost"


def killed_until_done(config: TrainConfig, drive: Drive | None, monkeypatch: pytest.MonkeyPatch, size: int) -> Counter:
    """Start, kill and resume the run until it has been killed often enough, then let it end; kills by what it did."""
    out, draws, done = Path(config.output.output_dir), random.Random(5), Counter[str]()
    for number in range(KILLS):
        step = max((state.step for state in states_in(out)), default=0)
        kill = plan(number, step, draws, size)
        death = {"watched": [str(out), str(runs_dir())], "tree": kill.tree, **kill.death}
        if drive and number in FILLED and "bytes" not in death and death["steps"]:
            death |= {"fill": str(drive.path / "filling"), "fill_after": draws.randint(1, min(3, death["steps"]))}
        monkeypatch.setenv("DEATH", json.dumps(death))
        handle = go_on(config, out)
        assert handle.process.wait() != 0, f"{kill} never came"
        await_end(handle.folder)
        if drive and (drive.path / "filling").exists():
            drive.empty()
            done["drive filled"] += 1
        done[kill.doing] += 1
        done["whole tree" if kill.tree else "training alone"] += 1
        print(f"{number + 1}: from step {step}, {kill}", flush=True)
    monkeypatch.delenv("DEATH")
    handle = go_on(config, out)
    assert handle.process.wait() == 0, (handle.folder / "console.log").read_text(encoding="utf-8")[-3000:]
    return done


def content(state: State) -> dict[str, Any]:
    """A state's tensors to the byte, its other values, and its description without what names times and places."""
    said = json.loads((state.path / INFO).read_text(encoding="utf-8"))
    files = sorted((Path(path).name, *rest) for path, *rest in said["files"])
    settings = {name: value for name, value in said["settings"].items() if name not in ("output_dir", "resume")}
    plain = {name: value for name, value in said.items() if name not in OF_A_RUN}
    parts = json.loads((state.path / PARTS).read_bytes())
    del parts["metadata"]  # the run's start and its number
    return {"tensors": (state.path / TENSORS).read_bytes(), **parts, "files": files, "settings": settings, **plain}


def assert_same_states(out: Path, undisturbed: Path) -> None:
    found, expected = ({s.path.name: content(s) for s in states_in(folder)} for folder in (out, undisturbed))
    assert found.keys() == expected.keys()
    for name, state in expected.items():
        assert {part for part in state if found[name][part] != state[part]} == set(), name


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("filling", [False, True], ids=["roomy drive", "drive that fills"])
def test_a_run_killed_sixty_times_ends_as_one_that_never_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filling: bool
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(DYING))
    images = draw_images(tmp_path / "images")
    with small_drive(tmp_path / "drive", 64_000) if filling else nullcontext() as drive:
        out = (drive.path if drive else tmp_path) / "killed"
        one = read_config(write_job(tmp_path / "one.toml", images, tmp_path / "one", output_name="zuko", **SETTINGS))
        two = read_config(write_job(tmp_path / "two.toml", images, out, output_name="zuko", **SETTINGS))
        handle = launch.start(TrainConfig, one.config)
        assert handle.process.wait() == 0
        size = (tmp_path / "one" / "zuko-state" / TENSORS).stat().st_size
        done = killed_until_done(two.config, drive, monkeypatch, size)
        refused = [event for run in runs_dir().iterdir() for event in read_events(run / "events.jsonl")
                   if event.get("code") == "state_not_written"]
        print(dict(done), f"{len(refused)} states refused")
        assert bool(refused) == filling
        assert_same_states(out, tmp_path / "one")
        assert_same_run(out, newest_run(), tmp_path / "one", handle.folder)
        left = [path.name for folder in (out, newest_run()) for path in folder.rglob(".*.tmp")]
        assert left == []
