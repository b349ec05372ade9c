"""Missing class images are made by the base model: how many, of what, and that a run goes on where it was killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.event_lines import Event, read_events
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds
from train_core.config.files import read_config
from train_core.config.jobs.class_images import ClassImagesConfig
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.events.requests import request
from train_core.facts.preflight import examine
from train_core.jobs import class_images
from train_core.jobs.start import start_job

QUICK = {"class_sample_steps": 1, "resolution": "64"}


def make(config: Path, **overrides: str) -> list[Event]:
    before = set(runs_dir().glob("*")) if runs_dir().exists() else set()
    start_job(ClassImagesConfig, config, overrides)
    (run_dir,) = set(runs_dir().glob("*")) - before
    return read_events(run_dir / "events.jsonl")


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: Image.open(path).tobytes() for path in sorted(folder.glob("*.png"))}


@pytest.fixture
def only_dogs(images: Path) -> Path:
    """Three images of a dog, seen twice an epoch."""
    for path in sorted((images / "1_tall cat").iterdir()):
        path.unlink()
    (images / "1_tall cat").rmdir()
    return images


@pytest.mark.usefixtures("only_dogs")
def test_as_many_are_made_of_the_class_as_training_sees_beside_the_image_folder(
    prepare: Prepare, tmp_path: Path
) -> None:
    events = make(prepare("zuko", **QUICK))
    assert events[-1]["status"] == "completed", kinds(events, "error")
    made = pictures(tmp_path / "reg" / "1_dog")
    assert len(made) == 6  # three images, two repeats
    assert len(set(made.values())) == 6
    assert {event["prompt"] for event in kinds(events, "sample")} == {"dog"}
    assert not (tmp_path / "out").exists()
    again = make(prepare("zuko", **QUICK))
    assert not kinds(again, "sample")
    assert pictures(tmp_path / "reg" / "1_dog") == made


def test_each_class_has_its_folder_and_its_prompt(prepare: Prepare, tmp_path: Path) -> None:
    values = {"class_data_dir": str(tmp_path / "made"), "class_prompt": "photo of a {class}", "num_class_images": 2}
    events = make(prepare("zuko", **QUICK, **values))
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"1_cat", "1_dog"}
    assert {event["prompt"] for event in kinds(events, "sample")} == {"photo of a cat", "photo of a dog"}
    assert [notice["params"]["count"] for notice in kinds(events, "notice")] == [2, 2]


@pytest.mark.usefixtures("only_dogs")
def test_images_of_ones_own_count_and_their_folder_is_used(prepare: Prepare, tmp_path: Path) -> None:
    own = tmp_path / "my reg" / "3_zuko dog"
    own.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(own / "mine.jpg")
    events = make(prepare("zuko", reg_data_dir=str(tmp_path / "my reg"), num_class_images=3, **QUICK))
    assert len(kinds(events, "sample")) == 2
    assert len(list(own.iterdir())) == 3


@pytest.mark.usefixtures("only_dogs")
def test_a_run_that_was_killed_or_stopped_goes_on_and_ends_with_the_same_pictures(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(prepare("one", class_data_dir=str(tmp_path / "one"), **QUICK))
    original = class_images.save_png

    def after(count: int, act: Callable[[], None]) -> None:
        left = [count]

        def counting(*arguments: Any) -> Path:
            if not left[0]:
                act()
            left[0] -= 1
            return original(*arguments)

        monkeypatch.setattr(class_images, "save_png", counting)

    def die() -> None:
        raise RuntimeError("the power went out")

    config = prepare("two", class_data_dir=str(tmp_path / "two"), **QUICK)
    after(2, die)
    assert make(config)[-1]["status"] == "failed"
    after(1, lambda: request(max(runs_dir().iterdir()), "stop"))
    stopped = make(config)
    assert stopped[-1]["status"] == "stopped"
    assert len(kinds(stopped, "sample")) == 2
    monkeypatch.setattr(class_images, "save_png", original)
    assert make(config)[-1]["status"] == "completed"
    assert pictures(tmp_path / "two" / "1_dog") == pictures(tmp_path / "one" / "1_dog")


@pytest.mark.usefixtures("only_dogs")
def test_a_deleted_picture_is_made_again_as_it_was_and_another_seed_makes_others(
    prepare: Prepare, tmp_path: Path
) -> None:
    make(prepare("zuko", **QUICK))
    folder = tmp_path / "reg" / "1_dog"
    before = pictures(folder)
    (folder / min(before)).unlink()
    make(prepare("zuko", **QUICK))
    assert pictures(folder) == before
    make(prepare("zuko", seed=8, class_data_dir=str(tmp_path / "others"), **QUICK))
    assert not set(before.values()) & set(pictures(tmp_path / "others" / "1_dog").values())


def test_images_that_name_no_class_are_told_before_the_model_is_loaded(prepare: Prepare, images: Path) -> None:
    (images / "1_tall cat").rename(images / "1_cat")
    events = make(prepare("zuko", **QUICK))
    assert [event["code"] for event in kinds(events, "error")] == ["no_class_named"]
    assert "loading" not in [event["name"] for event in kinds(events, "stage")]
    named = make(prepare("zuko", class_prompt="cat", num_class_images=1, **QUICK))
    assert {Path(event["path"]).parent.name for event in kinds(named, "sample")} == {"1_cat", "1_dog"}


@pytest.mark.usefixtures("only_dogs")
def test_what_was_made_is_offered_to_the_training_and_used_by_it(prepare: Prepare, tmp_path: Path) -> None:
    make(prepare("zuko", **QUICK))
    config = read_config(prepare("zuko")).config
    assert "regularisation_found" in [found.code for found in examine(config).warnings]
    before = set(runs_dir().iterdir())
    start_job(TrainConfig, prepare("zuko", reg_data_dir=str(tmp_path / "reg"), max_train_epochs=1), {})
    (folder,) = set(runs_dir().iterdir()) - before
    events = read_events(folder / "events.jsonl")
    assert "regularisation_protects" in [event.get("code") for event in kinds(events, "notice")]
    assert events[-1]["status"] == "completed"
