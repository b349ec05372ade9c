"""Masks, faces and captions are looked at before a job starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from train_core.config.jobs.train import TrainConfig
from train_core.facts.preflight import examine


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images, one of them with a face in its name."""
    folder = tmp_path / "images" / "1_x"
    folder.mkdir(parents=True)
    for name in ("a.png", "b_32_32_10_10.png"):
        Image.new("RGB", (64, 64)).save(folder / name)
        (folder / name).with_suffix(".txt").write_text("one\ntwo", encoding="utf-8")
    return tmp_path / "images"


def codes(images: Path, **values: object) -> tuple[set[str], set[str]]:
    """The codes of problems and of warnings."""
    found = examine(TrainConfig.from_flat({"train_data_dir": str(images), "resolution": "64", **values}))
    return {one.code for one in found.problems}, {one.code for one in found.warnings}


def test_missing_and_surplus_masks_are_found_before_the_start(images: Path, tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.new("L", (64, 64)).save(tmp_path / "masks" / "a.png")
    Image.new("L", (64, 64)).save(tmp_path / "masks" / "c.png")
    on = {"masked_loss": True, "conditioning_data_dir": str(tmp_path / "masks")}
    problems, warnings = codes(images, **on)
    assert "masks_missing" in problems
    assert "masks_surplus" in warnings
    problems, warnings = codes(images, **on | {"masked_loss": False})
    assert not (problems | warnings) & {"masks_missing", "masks_surplus"}


def test_names_without_a_face_are_warned_about_when_faces_are_zoomed_to(images: Path) -> None:
    found = examine(TrainConfig.from_flat({"train_data_dir": str(images), "face_crop_aug_range": "2,4"}))
    (warning,) = [one for one in found.warnings if one.code == "faces_missing"]
    assert warning.params["count"] == 1
    assert "faces_missing" not in codes(images)[1]


def test_the_caption_of_a_face_may_leave_the_numbers_out(images: Path) -> None:
    (images / "1_x" / "b_32_32_10_10.txt").rename(images / "1_x" / "b.txt")
    assert "captions_missing" not in codes(images)[1]
    (images / "1_x" / "b.txt").unlink()
    assert "captions_missing" in codes(images)[1]


def test_an_alpha_mask_that_changes_nothing_is_warned_about(images: Path) -> None:
    assert "alpha_mask_without_alpha" in codes(images, alpha_mask=True)[1]
    Image.new("RGBA", (64, 64), (0, 0, 0, 9)).save(images / "1_x" / "a.png")
    assert "alpha_mask_without_alpha" not in codes(images, alpha_mask=True)[1]


def test_further_lines_of_captions_are_warned_about_unless_wildcards_use_them(images: Path) -> None:
    assert "captions_with_several_lines" in codes(images)[1]
    assert "captions_with_several_lines" not in codes(images, enable_wildcard=True)[1]


def test_an_empty_caption_file_is_an_empty_caption_with_a_warning_and_no_stop(images: Path) -> None:
    (images / "1_x" / "a.txt").write_text("", encoding="utf-8")
    problems, warnings = codes(images)
    assert "captions_empty" in warnings
    assert not problems
