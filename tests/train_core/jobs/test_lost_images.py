"""Images that disappear or break while a run goes on: they are named and counted, and what was learnt is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.event_lines import read_events
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_drives import AtStep, at_step, codes, is_finite
from tests.train_core.jobs.test_train import kinds, run, tensor_bytes
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, runs_dir
from train_core.facts.run.states import read_state
from train_core.jobs.start import start_job

__all__ = ["at_step"]  # a fixture
WAYS: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink, "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: min(400, path.stat().st_size // 2)]),
}  # fmt: skip


# What is lost is found by the same code in every worker, so that one way shows it there.
@pytest.mark.parametrize(("workers", "way"), [*((0, way) for way in WAYS), (1, "gone")])
def test_a_run_whose_images_are_lost_says_how_many_keeps_what_it_has_and_can_go_on(
    prepare: Prepare, images: Path, tmp_path: Path, at_step: AtStep, workers: int, way: str
) -> None:
    loading = {"cache_latents": False, "max_data_loader_n_workers": workers}
    settings = {**loading, "max_train_epochs": 3, "metadata_depth": "minimal"}
    undisturbed = tensor_bytes(run(prepare("plain", **settings)))
    kept = shutil.copytree(images, tmp_path / "kept")
    broken = [images / "2_zuko dog" / "0.png", images / "2_zuko dog" / "2.png"]
    at_step(5, lambda: [WAYS[way](path) for path in broken])
    config = prepare("zuko", **settings)
    events = run(config)
    assert events[-1]["status"] == "failed"
    summary, *named = kinds(events, "error")
    assert (summary["code"], summary["params"]["count"]) == ("data_unreadable_saved", 2)
    assert {error["params"]["path"] for error in named} == {str(path) for path in broken}
    assert codes(events, "error")[1:] == ["image_unreadable"] * 2
    assert is_finite(summary["params"]["file"])
    (state,) = kinds(events, "state")
    assert state["step"] == summary["params"]["step"] >= 5
    shutil.copytree(kept, images, dirs_exist_ok=True)
    assert start_job(TrainConfig, config, {"resume": state["path"]}) == 0
    resumed = read_events(read_state(Path(state["path"])).run_dir / "events.jsonl")
    assert resumed[-1]["status"] == "completed"
    assert tensor_bytes(resumed) == undisturbed


@pytest.mark.parametrize("way", WAYS)
def test_captions_are_read_before_the_first_step_so_that_one_that_is_lost_costs_nothing(
    prepare: Prepare, images: Path, at_step: AtStep, way: str
) -> None:
    settings = {"max_train_epochs": 3, "metadata_depth": "minimal", "shuffle_caption": True, "cache_latents": False}
    undisturbed = tensor_bytes(run(prepare("plain", **settings)))
    captions = {path: path.read_bytes() for path in images.rglob("*.txt")}
    assert captions
    at_step(5, lambda: [WAYS[way](path) for path in captions])
    events = run(prepare("zuko", **settings))
    assert events[-1]["status"] == "completed"
    assert tensor_bytes(events) == undisturbed
    assert not [path for path, before in captions.items() if path.is_file() and path.read_bytes() == before]


def test_an_image_that_is_measured_on_costs_only_the_last_measurement(
    prepare: Prepare, images: Path, tmp_path: Path, at_step: AtStep
) -> None:
    measured = shutil.copytree(images, tmp_path / "measured")
    for path in measured.rglob("*.png"):
        path.write_bytes(path.read_bytes() + b"\0")  # else it would be an image that is trained on
    at_step(7, lambda: shutil.rmtree(measured))
    due = {"validate_every_n_steps": 5, "validate_every_n_epochs": 0}
    events = run(prepare("zuko", cache_latents=False, validation_data_dir=str(measured), **due))
    assert events[-1]["status"] == "completed"
    assert "image_unreadable" in codes(events, "warning")


SHARED = {"training_method": "DreamBooth", "num_processes": 2, "learning_rate": 1e-6}


@pytest.mark.parametrize(
    "values", [pytest.param({}, id="LoRA"), pytest.param(SHARED, id="shared out", marks=pytest.mark.slow)]
)
def test_of_two_processes_both_end_when_one_loses_its_images_and_the_result_is_kept(
    prepare: Prepare, images: Path, tmp_path: Path, values: dict[str, Any]
) -> None:
    sharding = tmp_path / "fsdp.yaml"
    sharding.write_text("fsdp_config: {fsdp_version: 2}\n")
    values = {**values, "accelerate_config": str(sharding)} if values else values
    config = prepare("zuko", cache_latents=False, max_train_epochs=2000, train_batch_size=1, **values)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(app_dir()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *torchrun, "-m", "train_core", "train", "--config_file", str(config)]
    job = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while job.poll() is None and not (runs_dir().is_dir() and kinds(events_of_the_run(), "progress")):
            time.sleep(0.1)
        shutil.rmtree(images / "1_tall cat")
        assert job.wait(timeout=200) == 1
    finally:
        job.kill()
    events = events_of_the_run()
    assert events[-1]["status"] == "failed"
    assert kinds(events, "error")[0]["params"]["count"] == 2
    (saved,), (state,) = kinds(events, "saved"), kinds(events, "state")
    assert is_finite(saved["path"])
    assert is_finite(str(Path(state["path"]) / "tensors.safetensors"))


def events_of_the_run() -> list:
    return [event for run_dir in runs_dir().iterdir() for event in read_events(run_dir / "events.jsonl")]
