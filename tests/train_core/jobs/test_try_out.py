"""A try: what it tells, that it keeps nothing, and what it does where memory does not suffice."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.event_lines import Event, read_events
from tests.methods import METHODS
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.jobs.try_out import STEPS, TryConfig
from train_core.config.places import caches_dir, runs_dir
from train_core.data.batch import Batch
from train_core.events.requests import request
from train_core.facts.run.costs import work_digest
from train_core.facts.run.run_folders import make_run_folder
from train_core.jobs import try_out
from train_core.jobs.start import start_job
from train_core.run import upkeep
from train_core.run.objective import Objective

DRAWN = {"sample_prompts": "a dog --s 1 --w 64 --h 64\na cat --s 1 --w 64 --h 64", "sample_every_n_epochs": 1}


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are looked for to the end, however busy this machine is."""
    monkeypatch.setattr(try_out, "SECONDS_FOR_BATCHES", 1e9)


def attempt(config: Path, code: int = 0) -> tuple[Path, list[Event]]:
    """Try in a run folder, as the launcher does; the folder and its events."""
    folder = make_run_folder(TryConfig, read_config(config, {}).config)
    assert start_job(TryConfig, folder / "config.toml", {}) == code
    return folder, read_events(folder / "events.jsonl")


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def refuse(monkeypatch: pytest.MonkeyPatch, fits: Any) -> list[int]:
    """Let memory not suffice for batches of which `fits` says so; the sizes asked for."""
    sizes: list[int] = []
    original = Objective.loss

    def loss(self: Objective, batch: Batch, model: Any) -> torch.Tensor:
        sizes.append(len(batch.captions))
        if not fits(len(batch.captions)):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(self, batch, model)

    monkeypatch.setattr(Objective, "loss", loss)
    return sizes


def test_a_try_tells_what_the_whole_training_would_take_and_keeps_nothing(prepare: Prepare, tmp_path: Path) -> None:
    config = prepare(
        "zuko", max_train_epochs=100, cache_latents_to_disk=True, save_every_n_steps=2, validation_split=0.2, **DRAWN
    )
    folder, events = attempt(config)
    (tried,) = kinds(events, "tried")
    assert events[-1] == {**events[-1], "kind": "finished", "status": "completed", "step": STEPS}
    assert kinds(events, "progress")[-1]["total_steps"] == STEPS
    assert tried["total_steps"] % 100 == 0
    assert tried["total_steps"] > STEPS
    assert (tried["pictures"], tried["steps"], tried["batch_size"], tried["device"]) == (200, 8, 2, "cpu")
    assert tried["seconds"] > tried["total_steps"] * tried["seconds_per_step"]
    assert 0 < tried["peak_memory"] < tried["total_memory"]
    assert 0 < tried["free_memory"] <= tried["total_memory"]
    assert tried["work"] == work_digest(read_config(config, {}).config)
    assert not (tmp_path / "out").exists()
    assert not (folder / "tried").exists()
    assert not [event for event in events if event["kind"] in ("sample", "saved", "state")]
    assert not [path for path in files(folder) if path.endswith((".png", ".safetensors"))]
    assert files(caches_dir()) <= {"files.sqlite"}


def test_a_larger_batch_that_fits_is_offered_up_to_what_a_bucket_holds(prepare: Prepare) -> None:
    _, events = attempt(prepare("zuko", train_batch_size=1))
    (tried,) = kinds(events, "tried")
    assert (tried["largest_batch"], tried["values"]) == (8, {"train_batch_size": 8})  # 3 images x 2 repeats, and 2


def test_a_batch_that_does_not_fit_is_answered_with_one_that_does(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = refuse(monkeypatch, lambda size: size <= 3)
    _, events = attempt(prepare("zuko", train_batch_size=6))
    (tried,) = kinds(events, "tried")
    assert events[-1]["status"] == "completed"
    assert max(sizes) > 3
    assert "seconds_per_step" not in tried or tried["seconds_per_step"] is None
    assert tried["values"] == {"train_batch_size": 3}
    assert (tried["largest_batch"], tried["largest_was_done"]) == (3, True)


def test_where_not_one_image_fits_the_advice_is_that_of_a_training(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, lambda size: False)
    folder, events = attempt(prepare("zuko", train_batch_size=2), code=1)
    (error,) = kinds(events, "error")
    assert error["code"] == "card_out_of_memory"
    assert "gradient_checkpointing = true" in error["params"]["settings"]
    assert not kinds(events, "tried")
    assert not (folder / "tried").exists()


def test_another_error_is_not_taken_for_one_of_memory(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objective, "loss", lambda *args: 1 / 0)
    _, events = attempt(prepare("zuko"), code=1)
    assert kinds(events, "error")[0]["code"] == "unexpected"


def test_a_try_that_is_stopped_tells_nothing(prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    after = upkeep.Upkeep.after_step

    def stopping(self: upkeep.Upkeep, step: int, epoch: int) -> bool:
        request(max(runs_dir().iterdir()), "stop")
        return after(self, step, epoch)

    monkeypatch.setattr(upkeep.Upkeep, "after_step", stopping)
    _, events = attempt(prepare("zuko"))
    assert events[-1]["status"] == "stopped"
    assert not kinds(events, "tried")


@pytest.mark.parametrize(
    "values",
    [
        {"fused_backward_pass": True, "max_grad_norm": 0.0},
        {"cache_latents": False, "flip_aug": True, "network_dropout": 0.2, "ema_decay": 0.9, "loss_type": "huber"},
        {"optimizer_type": "Prodigy", "gradient_accumulation_steps": 3, "cache_text_encoder_outputs": True,
         "network_train_unet_only": True},
        {"max_train_steps": 3, "max_train_epochs": 0, "resume": "/nowhere"},
    ],
)
def test_every_way_of_training_can_be_tried(prepare: Prepare, values: dict) -> None:
    _, events = attempt(prepare("zuko", **values))
    (tried,) = kinds(events, "tried")
    assert tried["seconds_per_step"] > 0
    assert tried["total_steps"] == (3 if "max_train_steps" in values else tried["total_steps"])


@pytest.mark.parametrize("method", [method for method in METHODS if method != "LoRA"])
def test_every_method_can_be_tried_and_takes_what_is_its_own(prepare: Prepare, method: str) -> None:
    _, events = attempt(prepare("zuko", optimizer_type="AdamW8bit", **METHODS[method], **DRAWN))
    (tried,) = kinds(events, "tried")
    assert events[-1]["status"] == "completed"
    assert tried["seconds_per_step"] > 0
    assert tried["work"] != work_digest(read_config(prepare("adapter", optimizer_type="AdamW8bit"), {}).config)


def test_started_by_hand_it_leaves_no_run_behind(
    prepare: Prepare, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "passing"))
    (tmp_path / "passing").mkdir()
    assert start_job(TryConfig, prepare("zuko"), {}) == 0
    assert "A step takes" in capsys.readouterr().out
    assert not runs_dir().exists()
    assert not list((tmp_path / "passing").iterdir())


def test_a_training_tells_what_it_has_taken(prepare: Prepare) -> None:
    config = prepare("zuko")
    events = run(config)
    (measured,) = kinds(events, "measured")
    assert events.index(measured) < events.index(events[-1])
    assert measured["steps"] == events[-1]["step"]
    assert measured["seconds_per_step"] > 0
    assert measured["peak_memory"] > 0
    assert measured["work"] == work_digest(read_config(config, {}).config)
    assert isinstance(read_config(config, {}).config, TrainConfig)
