"""Validation settings on the page: the steps that will run, and what is wrong with the images."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from kohya_gui.form import validate_form
from kohya_gui.form.validate_form import CheckedForm, check_form
from kohya_gui.runs.devices import Device, Hardware
from tests.pictures import image_folder
from train_core.config.image_settings import DataSettings
from train_core.config.sections.validation import ValidationSettings
from train_core.data.heldout import open_libraries


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Ten pictures, each seen twice."""
    image_folder(tmp_path / "images", "2_dog", [(64, 64)] * 10, caption="a dog")
    return tmp_path / "images"


def form(images: Path, **values: Any) -> CheckedForm:
    return check_form({"train_data_dir": str(images), "resolution": "64", "max_train_epochs": 1, **values}, "the form")


def test_the_step_line_leaves_out_what_is_held_out_as_the_job_does(images: Path) -> None:
    assert form(images).count.total == 20
    checked = form(images, validation_split=0.3, validation_seed=5)
    data = DataSettings.of(checked.config)
    library, measured = open_libraries(data, ValidationSettings(validation_split=0.3), 5)
    assert checked.count.total == len(library.samples) == 14
    assert measured is not None
    assert len(measured.entries) == 3


def test_a_picture_in_both_folders_is_told_before_the_start(images: Path, tmp_path: Path) -> None:
    other = image_folder(tmp_path / "other", "fox", [(64, 64)])
    shutil.copy(images / "2_dog" / "03.png", other / "copy.png")
    found = [problem.code for problem in form(images, validation_data_dir=str(tmp_path / "other")).errors]
    assert "validation_image_in_training" in found
    (other / "copy.png").unlink()
    (other / "00.png").unlink()
    shutil.copy(tmp_path / "images" / "2_dog" / "00.txt", other)
    found = [problem.code for problem in form(images, validation_data_dir=str(tmp_path / "other")).errors]
    assert "validation_image_in_training" not in found
    assert found != [problem.code for problem in form(images).errors]  # there are no images in it


def test_one_picture_cannot_be_split(tmp_path: Path) -> None:
    image_folder(tmp_path / "one", "1_dog", [(64, 64)])
    checked = form(tmp_path / "one", validation_split=0.3)
    assert "validation_too_few_images" in [problem.code for problem in checked.errors]
    assert checked.count.total == 1


@pytest.mark.parametrize(("device", "codes"), [("cpu", {"fp16_on_cpu"}), ("cuda", set())])
def test_a_precision_that_the_machine_lacks_is_told_before_the_start(
    images: Path, monkeypatch: pytest.MonkeyPatch, device: Device, codes: set[str]
) -> None:
    monkeypatch.setattr(validate_form, "hardware", lambda: Hardware(device, 1))
    found = {problem.code for problem in form(images, mixed_precision="fp16").errors}
    assert found - {problem.code for problem in form(images, mixed_precision="bf16").errors} == codes


def test_a_run_that_is_longer_than_any_training_is_refused(images: Path) -> None:
    codes = [problem.code for problem in form(images, max_train_epochs=10**11).errors]
    assert "too_many_steps" in codes
    assert "too_many_steps" not in [problem.code for problem in form(images, max_train_epochs=10**5).errors]


@pytest.mark.parametrize("name", ["max_train_epochs", "train_batch_size"])
def test_no_steps_are_counted_while_what_they_depend_on_cannot_be_read(images: Path, name: str) -> None:
    assert form(images, **{name: "2.5"}).count is None
    assert form(images, learning_rate="fast").count is not None
