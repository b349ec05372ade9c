"""Cures of the errors and warnings that know one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import image_folder
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem
from train_core.config.sections.dataset import DatasetSettings
from train_core.facts.advice import CURES, Cure, cure_of
from train_core.facts.datasets.subsets import survey


def cures(**dataset: object) -> list[Cure | None]:
    """The cures of what is wrong and odd with images at these places."""
    sources = survey(DataSettings(DatasetSettings(**dataset)))
    values = TrainConfig(dataset=DatasetSettings(**dataset)).flat()
    return [cure_of(found, values) for found in (*sources.problems, *sources.warnings)]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return image_folder(tmp_path / "set", "10_zuko", [(64, 64)] * 2, "zuko")


def test_a_folder_that_lies_too_deep_or_too_high_is_cured_by_the_right_one(images: Path):
    assert cures(train_data_dir=str(images)) == [Cure("train_data_dir", str(images.parent))]
    assert cures(train_data_dir=str(images.parent.parent)) == [Cure("train_data_dir", str(images.parent))]


def test_the_cure_is_for_the_folder_that_is_wrong(images: Path, tmp_path: Path):
    regular = image_folder(tmp_path / "regular", "1_dog", [(64, 64)], "dog")
    found = cures(train_data_dir=str(images.parent), reg_data_dir=str(regular))
    assert found == [Cure("reg_data_dir", str(regular.parent))]


def test_captions_with_another_ending_are_cured_by_it(images: Path):
    for path in images.glob("*.txt"):
        path.rename(path.with_suffix(".caption"))
    assert cures(train_data_dir=str(images.parent)) == [Cure("caption_extension", ".caption")]


def test_what_is_not_known_has_no_cure():
    assert cure_of(Problem("something_else", "…"), {}) is None


def test_every_cure_sets_a_setting():
    names = {s.name for s in TrainConfig.settings()}
    assert {cure.setting for cure in CURES.values() if isinstance(cure, Cure)} <= names
