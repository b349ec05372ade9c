"""Captions as they are read for the lint: from files, from metadata, and again after a change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.pictures import image_folder
from train_core.config.image_settings import DataSettings
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.captions import CaptionSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.facts.captions.sets import caption_sets, trained_captions
from train_core.facts.datasets.folders import ImageFile, ImageFolder
from train_core.facts.datasets.subsets import Subset, survey


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return image_folder(tmp_path / "images", "10_zuko", [(64, 64)] * 3, "zuko")


def texts(folder: Path) -> list[str | None]:
    settings = DataSettings(DatasetSettings(train_data_dir=str(folder.parent), resolution="64"))
    one, = caption_sets(survey(settings).subsets)
    return [caption.text for caption in one.captions]


def test_a_caption_is_read_again_when_its_file_has_changed(folder: Path):
    assert texts(folder) == [f"zuko, number {n}" for n in range(3)]
    (folder / "00.txt").write_text("other", encoding="utf-8")
    os.utime(folder / "00.txt", ns=(1, 1))
    assert texts(folder)[0] == "other"


def test_trained_captions_are_whole_with_what_stands_before_and_behind_them(tmp_path: Path):
    images = tuple(
        ImageFile(tmp_path / f"{number}.png", None, (64, 64), text)
        for number, text in enumerate(("a fox, red", None, "an owl\na {big|small} owl"))
    )  # fmt: skip
    data = DataSettings(
        DatasetSettings(), CaptionSettings(
            caption_prefix="zuko,", caption_suffix="photo", shuffle_caption=True, caption_dropout_rate=1.0,
            caption_tag_dropout_rate=1.0, enable_wildcard=True,
        ),
    )  # fmt: skip
    folder = ImageFolder(tmp_path, 1, "dog", images)
    found = [text.replace("big", "small") for text in trained_captions([Subset(folder, data, (1, 1, 1))])]
    assert found == [
        "zuko, a fox, red photo", "zuko, dog photo", "zuko, an owl photo", "zuko, a small owl photo",
    ]
    assert not [*trained_captions([Subset(folder, data, (1, 1, 1), is_reg=True)])]


def test_files_that_cannot_be_read_are_left_to_the_checks(folder: Path):
    (folder / "00.txt").write_bytes("é".encode("latin-1"))
    (folder / "01.txt").unlink()
    assert texts(folder) == [None, "zuko, number 2"]


def test_rules_and_mirroring_are_the_subsets_own_and_metadata_have_the_text_themselves():
    settings = DataSettings(
        captions=CaptionSettings(shuffle_caption=True, keep_tokens=1), augmentation=AugmentationSettings(flip_aug=True)
    )
    image = ImageFile(Path("a.png"), None, (64, 64), caption="from metadata")
    one, = caption_sets([Subset(ImageFolder(Path("m.json"), 1, "", (image,)), settings, (1,), is_reg=True)], False)
    assert (one.rules.shuffle, one.rules.keep_tokens, one.flipped, one.is_reg, one.in_form) == (
        True, 1, True, True, False,
    )  # fmt: skip
    assert [(caption.text, caption.path) for caption in one.captions] == [("from metadata", Path("a.png"))]
