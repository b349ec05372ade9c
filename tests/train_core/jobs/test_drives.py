"""Drives that are full, read-only or gone: what was learnt is kept, and it is said where."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.drives import Drive, small_drive
from tests.event_lines import Event
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, runs_dir
from train_core.data.stores import DiskStore
from train_core.events.requests import request
from train_core.facts.run.states import find_state, read_state
from train_core.methods.adapter import AdapterMethod

AtStep = Callable[[int, Callable[[], None]], None]
SPOILED = {
    "full": lambda drive: drive.fill(), "read-only": lambda drive: drive.make_read_only(drive.path / "out"),
    "gone": lambda drive: shutil.rmtree(drive.path / "out"),
}  # fmt: skip


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> AtStep:
    """`at_step(step, do)` has something done as step `step`, counted from 0, begins."""
    original = AdapterMethod.begin_step
    waiting: dict[int, Callable[[], None]] = {}

    def begin(self: AdapterMethod, step: int) -> None:
        waiting.pop(step, lambda: None)()
        original(self, step)

    monkeypatch.setattr(AdapterMethod, "begin_step", begin)
    return waiting.__setitem__


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Drive]:
    """A drive for the output folder, with room for little more than a state."""
    with small_drive(tmp_path / "drive", 3000) as drive:
        yield drive


def codes(events: list[Event], kind: str) -> list[str]:
    return [event["code"] for event in kinds(events, kind)]


def is_finite(path: str) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in load_file(path).values())


@pytest.mark.parametrize("way", SPOILED)
@pytest.mark.parametrize("ending", ["completed", "stopped", "paused"])
def test_what_was_learnt_goes_to_the_run_folder_where_the_output_folder_takes_nothing_more(
    prepare: Prepare, output: Drive, at_step: AtStep, way: str, ending: str
) -> None:
    def spoil() -> None:
        SPOILED[way](output)
        (run_dir,) = runs_dir().iterdir()
        if ending != "completed":
            request(run_dir, ending.removesuffix("ped").removesuffix("d"))

    at_step(5, spoil)
    settings = {"sample_prompts": "a dog --s 1", "sample_every_n_epochs": 1, "save_card": True, "save_state": True}
    config = prepare("zuko", **settings, output_dir=str(output.path / "out"), save_state_on_train_end=True)
    events = run(config)
    (run_dir,) = runs_dir().iterdir()
    assert events[-1]["status"] == ending
    assert not kinds(events, "error")
    assert Path(events[-1]["path"]).parent == run_dir
    told = [event["params"] for event in kinds(events, "warning") if event["code"] == "saved_elsewhere"]
    assert events[-1]["path"] in [params["path"] for params in told]
    states = [event["path"] for event in kinds(events, "state")]
    assert read_state(Path(states[-1])).step == events[-1]["step"]
    assert all(is_finite(event["path"]) for event in kinds(events, "saved"))
    last = TrainConfig.from_flat({"output_dir": str(output.path / "out"), "output_name": "zuko", "resume": "last"})
    assert find_state(last, run_dir).path == Path(states[-1])


def test_samples_and_files_on_the_way_that_cannot_be_written_are_told_and_the_run_goes_on(
    prepare: Prepare, output: Drive, at_step: AtStep
) -> None:
    at_step(2, output.fill)
    at_step(6, output.empty)
    settings = {"sample_every_n_steps": 4, "save_every_n_steps": 4, "sample_every_n_epochs": 0}
    events = run(prepare("zuko", **settings, sample_prompts="a dog --s 1", output_dir=str(output.path / "out")))
    assert codes(events, "warning")[-2:] == ["file_not_written", "file_not_written"]
    assert [event["step"] for event in kinds(events, "saved")] == [8, 8]
    assert [event["step"] for event in kinds(events, "sample")] == [8]
    assert Path(events[-1]["path"]).parent == output.path / "out"
    assert not [path.name for path in (output.path / "out").iterdir() if path.name.startswith(".")]


def test_a_result_is_saved_though_the_drive_of_runs_and_console_is_full(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_drive(tmp_path / "small", 4000) as drive:
        home = drive.path / "home"
        monkeypatch.setenv("CRUCIBLE_HOME", str(home))
        config = prepare("zuko", max_train_epochs=9, save_every_n_epochs=3, cache_latents_to_disk=True)
        command = [sys.executable, "-m", "train_core", "train", "--config_file", str(config)]
        environment = {**os.environ, "PYTHONPATH": str(app_dir()), "OMP_NUM_THREADS": "1"}
        with (drive.path / "console.log").open("wb") as console:
            job = subprocess.Popen(command, env=environment, stdout=console, stderr=subprocess.STDOUT)
            while job.poll() is None and not list(home.glob("runs/*/logs/events*")):
                time.sleep(0.02)
            drive.fill()
            job.wait(timeout=300)
        said = (drive.path / "console.log").read_text(encoding="utf-8", errors="replace")
        assert "Traceback" not in said
    assert is_finite(str(tmp_path / "out" / "zuko.safetensors"))
    assert (tmp_path / "out" / "zuko-000006.safetensors").is_file()


def test_what_the_cache_has_no_room_for_is_kept_in_memory_and_learnt_alike(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "roomy"))
    roomy = load_file(run(prepare("roomy", cache_latents_to_disk=True))[-1]["path"])
    original = DiskStore.put

    def put(self: DiskStore, *kept: object) -> None:
        if not list(drive.path.glob("filling")):
            drive.fill()
        original(self, *kept)

    with small_drive(tmp_path / "small", 4000) as drive:
        monkeypatch.setenv("CRUCIBLE_HOME", str(drive.path / "home"))
        monkeypatch.setattr(DiskStore, "put", put)
        events = run(prepare("small", cache_latents_to_disk=True, max_data_loader_n_workers=1))
    small = load_file(tmp_path / "out" / "small.safetensors")
    assert all(torch.equal(tensor, small[name]) for name, tensor in roomy.items())
    assert not kinds(events, "error")


def test_a_thumbnail_and_a_base_model_that_disappear_take_no_result_with_them(
    prepare: Prepare, tmp_path: Path, at_step: AtStep
) -> None:
    picture = tmp_path / "images" / "2_zuko dog" / "0.png"
    thumbnail = tmp_path / "thumbnail.png"
    shutil.copyfile(picture, thumbnail)
    at_step(3, thumbnail.unlink)
    events = run(prepare("zuko", metadata_thumbnail=str(thumbnail)))
    assert events[-1]["status"] == "completed"
