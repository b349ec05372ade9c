"""Validation in whole runs: what it says, that it is the same for all ways of running, and that it changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.event_lines import Event, read_events
from tests.pictures import noise_image
from tests.tiny_families import inpainting_tensors
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_processes import start
from tests.train_core.jobs.test_resume import Killed, train
from tests.train_core.jobs.test_train import kinds, run, tensor_bytes, weights
from train_core.config.image_settings import DataSettings
from train_core.config.places import runs_dir
from train_core.facts.datasets.holdout import split_subsets
from train_core.facts.datasets.subsets import survey
from train_core.run.training import Training
from train_core.run.validation import Validator

HELD_OUT = {"validation_split": 0.4, "validation_seed": 3}
STILL = {"optimizer_type": "SGD", "learning_rate": 1e-12, "max_train_epochs": 1}  # nothing moves


def curve(events: list[Event]) -> list[tuple[int, int]]:
    return [(event["step"], event["epoch"]) for event in kinds(events, "validation")]


def only_loss(events: list[Event]) -> float:
    assert events[-1]["status"] == "completed", kinds(events, "error")
    (event,) = kinds(events, "validation")
    return event["loss"]


def test_a_run_says_what_is_held_out_how_it_measures_and_how_it_ended(prepare: Prepare) -> None:
    events = run(prepare("zuko", save_every_n_epochs=1, max_train_epochs=3, **HELD_OUT))
    started, finished = kinds(events, "started")[0], events[-1]
    said = next(event for event in kinds(events, "notice") if event["code"] == "validation_images")
    assert said["params"]["count"] == 5 - started["images"] == 2
    per_epoch = started["steps_per_epoch"]
    assert curve(events) == [(per_epoch * epoch, epoch) for epoch in (1, 2, 3)]
    losses = {event["epoch"]: event["loss"] for event in kinds(events, "validation")}
    best = min(losses, key=lambda epoch: losses[epoch])
    assert finished["validation"]["best_epoch"] == best
    assert finished["validation"]["best_loss"] == losses[best]
    names = {1: "zuko-000001.safetensors", 2: "zuko-000002.safetensors", 3: "zuko.safetensors"}
    assert Path(finished["validation"]["nearest"]).name == names[best]
    assert kinds(events, "notice")[-1]["code"].startswith("validation_")


def test_the_curve_lies_in_tensorboard(prepare: Prepare) -> None:
    events = run(prepare("zuko", **HELD_OUT))
    (run_dir,) = runs_dir().iterdir()
    written = EventAccumulator(str(run_dir / "logs"))
    written.Reload()
    assert [(p.step, pytest.approx(p.value)) for p in written.Scalars("loss/validation")] == [
        (event["step"], event["loss"]) for event in kinds(events, "validation")
    ]


def test_validation_leaves_training_as_it_is_on_the_same_images_alone(prepare: Prepare, images: Path) -> None:
    settings = {
        "network_dropout": 0.2, "rank_dropout": 0.1, "shuffle_caption": True, "flip_aug": True,
        "metadata_depth": "minimal",
        "caption_dropout_rate": 0.2, "noise_offset": 0.1,
    }  # fmt: skip
    validated = run(prepare("validated", **settings, validate_every_n_steps=1, **HELD_OUT))
    weights(validated)
    subsets = survey(DataSettings().with_values({"train_data_dir": str(images), "resolution": "64"})).subsets
    for subset in split_subsets(subsets, HELD_OUT["validation_split"], HELD_OUT["validation_seed"])[1]:
        for image in subset.folder.images:
            image.path.unlink()
    assert tensor_bytes(run(prepare("alone", **settings))) == tensor_bytes(validated)


@pytest.mark.parametrize(
    "values",
    [
        {"train_batch_size": 1},
        {"cache_latents": False, "max_data_loader_n_workers": 2},
        {"seed": 6, "network_dropout": 0.5},
        {"min_snr_gamma": 1, "noise_offset": 0.3, "min_timestep": 900, "loss_type": "huber", "flip_aug": True},
    ],
)
def test_the_validation_loss_depends_on_nothing_that_shapes_training_alone(prepare: Prepare, values: dict) -> None:
    plain = only_loss(run(prepare("plain", **STILL, **HELD_OUT)))
    assert only_loss(run(prepare("other", **STILL, **HELD_OUT, **values))) == pytest.approx(plain, rel=1e-5)


def test_two_processes_share_the_work_and_measure_what_one_does(prepare: Prepare) -> None:
    one = only_loss(run(prepare("one", **STILL, validation_split=0.5, validation_seed=3)))
    config = prepare("two", **STILL, validation_split=0.5, validation_seed=3)
    done = start(
        ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "train_core", "train",
         "--config_file", str(config)]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    newest = max(runs_dir().iterdir(), key=lambda folder: folder.stat().st_mtime_ns)
    assert only_loss(read_events(newest / "events.jsonl")) == pytest.approx(one, rel=1e-6)


def test_a_folder_of_other_images_is_measured_on_and_all_others_train(prepare: Prepare, tmp_path: Path) -> None:
    (tmp_path / "other" / "dogs").mkdir(parents=True)
    for number in range(3):
        noise_image((64, 64), number).save(tmp_path / "other" / "dogs" / f"{number}.png")
    folder = {"validation_data_dir": str(tmp_path / "other"), **STILL}
    events = run(prepare("zuko", **folder))
    assert kinds(events, "started")[0]["images"] == 5
    told = [e["params"]["folders"]["text"] for e in kinds(events, "notice") if "folders" in e["params"]]
    assert told == ["3 of dogs"]
    fewer = run(prepare("fewer", **folder, max_validation_steps=2))
    assert [e["params"]["count"] for e in kinds(fewer, "notice") if "folders" in e["params"]] == [2]
    assert only_loss(fewer) != only_loss(events)


def test_a_run_ends_early_when_it_has_not_become_better_for_long(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.4, 0.45, 0.5, 0.6, 0.7])
    monkeypatch.setattr(Validator, "loss", lambda self: next(losses))
    events = run(prepare("zuko", max_train_epochs=6, save_every_n_epochs=1, early_stop_patience=2, **HELD_OUT))
    assert events[-1]["status"] == "completed"
    assert curve(events)[-1][1] == 4
    assert events[-1]["validation"]["best_epoch"] == 2
    assert events[-1]["validation"]["overfitted"] is True
    assert Path(events[-1]["validation"]["nearest"]).name == "zuko-000002.safetensors"
    assert kinds(events, "notice")[-1]["code"] == "validation_overfitted"


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_models_that_fill_holes_and_models_of_other_families_are_measured_alike(
    prepare: Prepare, tmp_path: Path, kind: str
) -> None:
    save_file(inpainting_tensors(kind), tmp_path / "inpainting.safetensors")
    values = {"pretrained_model_name_or_path": str(tmp_path / "inpainting.safetensors"), "cache_latents": False}
    first, second = (only_loss(run(prepare(f"seed{n}", **STILL, **HELD_OUT, **values, seed=n))) for n in (1, 2))
    assert first == pytest.approx(second, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"validation_split": 0.2, "validation_data_dir": "elsewhere"}, "validation_twice"),
        ({"validation_split": 0.2, "validate_every_n_epochs": 0}, "validation_never"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(prepare: Prepare, values: dict, code: str) -> None:
    with pytest.raises(Exception, match="valid") as error:
        prepare("wrong", **values)
    assert [found.code for found in error.value.problems] == [code]


def test_a_picture_that_also_trains_is_not_validated_on(prepare: Prepare, images: Path) -> None:
    events = run(prepare("wrong", validation_data_dir=str(images)))
    assert [event["code"] for event in kinds(events, "error")] == ["validation_image_in_training"]


def test_a_resumed_run_measures_and_concludes_as_one_never_interrupted(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "max_train_epochs": 4, "save_state_every_n_steps": 1, "validate_every_n_steps": 2, "metadata_depth": "minimal",
        "on_divergence": "recover", **HELD_OUT,
    }  # fmt: skip
    whole = run(prepare("whole", **settings))
    total = whole[-1]["step"]
    config = prepare("cut", **settings)
    original = Training.report

    def die(self: Training, *rest: Any) -> None:
        original(self, *rest)
        if self.step == total // 2:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Training, "report", die)
        train(config)
    cut = train(config, resume="last")
    assert tensor_bytes(cut) == tensor_bytes(whole)
    assert {e["step"]: e["loss"] for e in kinds(cut, "validation")} == {
        e["step"]: e["loss"] for e in kinds(whole, "validation")
    }
    conclusions = [{**events[-1]["validation"], "nearest": None} for events in (cut, whole)]
    assert conclusions[0] == conclusions[1]
