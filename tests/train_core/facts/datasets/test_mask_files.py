"""Mask files: which belongs to which image, and everything that is wrong with them at once."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from train_core.config.sections.augmentation import AugmentationSettings
from train_core.facts.datasets.mask_files import Masked, alpha_warnings, mask_directory, survey_masks


def save(path: Path, size: tuple[int, int] = (64, 64), mode: str = "L") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)
    return path


def image(folder: Path, name: str, **changes: object) -> Masked:
    return Masked(save(folder / name, mode="RGB"), (64, 64), **changes)


def test_masks_have_the_names_of_their_images_whatever_their_ending(tmp_path: Path) -> None:
    one, other = image(tmp_path / "10_x", "a.png"), image(tmp_path / "10_x", "b.jpg")
    masks = [save(tmp_path / "masks" / name) for name in ("a.bmp", "b.png")]
    found = survey_masks([one, other], str(tmp_path / "masks"))
    assert found.files == {one.path: masks[0], other.path: masks[1]}
    assert found.problems == found.warnings == ()


def test_a_folder_of_the_same_name_is_looked_at_first(tmp_path: Path) -> None:
    one, other = image(tmp_path / "1_x", "a.png"), image(tmp_path / "1_y", "a.png")
    own = save(tmp_path / "masks" / "1_x" / "a.png")
    shared = save(tmp_path / "masks" / "a.png")
    assert survey_masks([one, other], str(tmp_path / "masks")).files == {one.path: own, other.path: shared}


def test_missing_surplus_and_wrong_sizes_are_told_together(tmp_path: Path) -> None:
    images = [image(tmp_path / "1_x", f"{number}.png") for number in range(3)]
    save(tmp_path / "masks" / "0.png", (32, 64))
    save(tmp_path / "masks" / "1.png")
    save(tmp_path / "masks" / "stray.png")
    found = survey_masks(images, str(tmp_path / "masks"))
    missing, size = found.problems
    assert (missing.code, missing.params["count"], missing.params["image"]) == ("masks_missing", 1, str(images[2].path))
    assert (size.code, size.params["found"], size.params["expected"]) == ("masks_of_other_size", "32x64", "64x64")
    (surplus,) = found.warnings
    assert (surplus.code, surplus.params["mask"]) == ("masks_surplus", "stray.png")


def test_regularisation_images_may_have_masks_and_need_none(tmp_path: Path) -> None:
    with_mask, without = image(tmp_path / "r", "a.png", needed=False), image(tmp_path / "r", "b.png", needed=False)
    mask = save(tmp_path / "masks" / "a.png")
    found = survey_masks([with_mask, without], str(tmp_path / "masks"))
    assert found.files == {with_mask.path: mask}
    assert found.problems == ()


def test_a_mask_that_two_images_would_share_is_told(tmp_path: Path) -> None:
    images = [image(tmp_path / folder, "a.png") for folder in ("1_x", "1_y")]
    save(tmp_path / "masks" / "a.png")
    (found,) = survey_masks(images, str(tmp_path / "masks")).problems
    assert found.code == "mask_for_two_images"


def test_the_same_image_twice_has_one_mask(tmp_path: Path) -> None:
    one = image(tmp_path / "1_x", "a.png")
    mask = save(tmp_path / "masks" / "a.png")
    found = survey_masks([one, one], str(tmp_path / "masks"))
    assert found.files == {one.path: mask}
    assert found.problems == ()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (found,) = survey_masks([image(tmp_path / "1_x", "a.png")], str(tmp_path / "nowhere")).problems
    assert found.code == "mask_folder_missing"
    assert "nowhere" in found.text


def test_an_alpha_mask_without_any_alpha_is_warned_about(tmp_path: Path) -> None:
    opaque, clear = save(tmp_path / "a.png", mode="RGB"), save(tmp_path / "b.png", mode="RGBA")
    assert [found.code for found in alpha_warnings([opaque])] == ["alpha_mask_without_alpha"]
    assert alpha_warnings([opaque, clear]) == []
    assert alpha_warnings([]) == []


def test_the_mask_folder_counts_only_with_masked_loss() -> None:
    assert mask_directory(AugmentationSettings(masked_loss=True, conditioning_data_dir="/m")) == "/m"
    assert mask_directory(AugmentationSettings(conditioning_data_dir="/m")) == ""
