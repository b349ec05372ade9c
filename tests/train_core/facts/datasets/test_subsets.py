"""One way of finding images, whether folders, a metadata file or a dataset file say where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import image_folder, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.tables import dump_tables
from train_core.facts.datasets.subsets import Sources, protection, survey, watched

SQUARE = (64, 64)


def look(tmp_path: Path, **dataset: Any) -> Sources:
    given = {"train_data_dir": str(tmp_path / "img"), "resolution": "64", **dataset}
    return survey(DataSettings(DatasetSettings(**given)))


def describe(tmp_path: Path, *datasets: dict[str, Any]) -> Sources:
    path = tmp_path / "images.toml"
    path.write_text(dump_tables({"datasets": list(datasets)}), encoding="utf-8")
    return look(tmp_path, train_data_dir="", dataset_config=str(path))


def codes(problems: tuple) -> list[str]:
    return [found.code for found in problems]


def regularised(tmp_path: Path, training: str = "10_zuko dog", regular: str = "1_dog", images: int = 7) -> Sources:
    """A training folder of two images, and `images` regularisation images."""
    image_folder(tmp_path / "img", training, [SQUARE] * 2, "a dog")
    folder = tmp_path / "reg" / regular
    folder.mkdir(parents=True)
    for number in range(images):
        noise_image(SQUARE, 100 + number).save(folder / f"{number}.png")
    return look(tmp_path, reg_data_dir=str(tmp_path / "reg"))


def test_nothing_is_found_and_nothing_wrong_before_a_source_is_chosen(tmp_path: Path) -> None:
    assert look(tmp_path, train_data_dir="") == Sources()


def test_regularisation_images_are_seen_as_often_as_training_images(tmp_path: Path) -> None:
    found = regularised(tmp_path)
    assert found.problems == found.warnings == ()
    training, regular = found.subsets
    assert (training.is_reg, training.repeats) == (False, (10, 10))
    assert (regular.is_reg, regular.repeats) == (True, (3, 3, 3, 3, 3, 3, 2))


def test_more_regularisation_images_than_needed_are_left_over_and_said_to_be(tmp_path: Path) -> None:
    found = regularised(tmp_path, training="1_zuko dog", images=5)
    assert found.subsets[1].repeats == (1, 1, 0, 0, 0)
    (warning,) = found.warnings
    assert (warning.code, warning.params["count"], warning.params["total"]) == ("regularisation_left_over", 3, 5)


@pytest.mark.parametrize("regular", ["1_dog", "dog", "3_zuko dog", "zuko dog"])
def test_a_class_or_a_training_folders_name_both_say_what_is_protected(tmp_path: Path, regular: str) -> None:
    found = regularised(tmp_path, regular=regular)
    assert found.problems == found.warnings == ()
    assert found.subsets[1].folder.class_tokens == "dog"
    (notice,) = protection(found.subsets)
    assert notice.code == "regularisation_protects"
    assert 'protects "dog" while "zuko dog" is learnt' in notice.text
    assert notice.params["samples"] == 20


def test_a_class_that_is_not_trained_is_said_to_be_none(tmp_path: Path) -> None:
    (notice,) = protection(regularised(tmp_path, regular="1_cat").subsets)
    assert notice.code == "regularisation_protects_other"


def test_regularisation_images_must_not_be_called_by_the_trigger_word(tmp_path: Path) -> None:
    found = regularised(tmp_path, training="10_zuko", regular="1_Zuko")
    assert codes(found.warnings) == ["regularisation_named_like_training"]


def test_missing_captions_are_normal_for_regularisation_but_another_ending_is_not(tmp_path: Path) -> None:
    regularised(tmp_path)
    (tmp_path / "reg" / "1_dog" / "0.caption").write_text("a dog", encoding="utf-8")
    found = look(tmp_path, reg_data_dir=str(tmp_path / "reg"))
    assert codes(found.warnings) == ["captions_with_other_ending"]


def test_one_picture_in_training_and_regularisation_is_an_error_naming_both(tmp_path: Path) -> None:
    training = image_folder(tmp_path / "img", "1_zuko dog", [SQUARE] * 3, "a dog")
    regular = image_folder(tmp_path / "reg", "1_dog", [])
    noise_image(SQUARE, 2).save(regular / "other name.png")
    (found,) = look(tmp_path, reg_data_dir=str(tmp_path / "reg")).problems
    assert found.code == "same_picture_in_regularisation"
    assert str(training / "02.png") in found.text
    assert str(regular / "other name.png") in found.text


def test_one_picture_in_two_regularisation_folders_is_no_error(tmp_path: Path) -> None:
    image_folder(tmp_path / "img", "5_zuko dog", [SQUARE], "a dog")
    for name in ("1_dog", "1_animal"):
        noise_image(SQUARE, 9).save(image_folder(tmp_path / "reg", name, []) / "same.png")
    assert look(tmp_path, reg_data_dir=str(tmp_path / "reg")).problems == ()


@pytest.mark.parametrize("place", ["img/reg", "reg", "img/Regularisation", "reg_dogs", "img/class_images"])
@pytest.mark.parametrize("inside", ["1_dog", ""])
def test_a_regularisation_folder_in_or_beside_the_images_is_offered(tmp_path: Path, place: str, inside: str) -> None:
    image_folder(tmp_path / "img", "1_zuko dog", [SQUARE], "a dog")
    noise_image(SQUARE, 9).save(image_folder(tmp_path / place, inside or ".", []) / "a.png") if inside else None
    if not inside:
        (tmp_path / place).mkdir(parents=True)
        noise_image(SQUARE, 9).save(tmp_path / place / "a.png")
    found = look(tmp_path)
    assert [subset.folder.path.name for subset in found.subsets] == ["1_zuko dog"]
    (warning,) = found.warnings
    assert warning.code == "regularisation_found"
    assert (warning.params["folder"], warning.params["name"]) == (str(tmp_path / place), "reg_data_dir")


def test_folders_that_only_sound_alike_or_are_empty_are_not_offered(tmp_path: Path) -> None:
    image_folder(tmp_path / "img", "1_zuko dog", [SQUARE], "a dog")
    image_folder(tmp_path, "regina", [SQUARE])
    (tmp_path / "reg").mkdir()
    assert look(tmp_path).warnings == ()


def test_a_regularisation_folder_does_not_lead_a_search_for_the_images_astray(tmp_path: Path) -> None:
    image_folder(tmp_path / "reg", "1_dog", [SQUARE])
    image_folder(tmp_path / "training", "1_zuko dog", [SQUARE])
    (found,) = look(tmp_path, train_data_dir=str(tmp_path)).problems
    assert (found.code, found.params["deeper"]) == ("image_folder_too_high", str(tmp_path / "training"))


def test_wrong_places_of_both_kinds_are_told_at_once(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "reg", "1_dog", [SQUARE])
    found = look(tmp_path, reg_data_dir=str(folder))
    assert codes(found.problems) == ["image_folder_missing", "image_folder_is_child"]


def test_regularisation_images_without_a_folder_of_their_class_are_told_where_to_go(tmp_path: Path) -> None:
    image_folder(tmp_path / "img", "1_zuko dog", [SQUARE], "a dog")
    folder = image_folder(tmp_path, "reg", [SQUARE])
    (found,) = look(tmp_path, reg_data_dir=str(folder)).problems
    assert found.code == "images_without_class"


def test_folders_without_numbers_are_used_when_asked_for(tmp_path: Path) -> None:
    for name in ("zuko dog", "3_mia cat", "reg"):
        image_folder(tmp_path / "img", name, [SQUARE], "x")
    noise_image(SQUARE, 5).save(tmp_path / "img" / "loose.png")
    found = look(tmp_path, class_folders=True, dataset_repeats=7)
    assert found.problems == ()
    assert [(s.folder.class_tokens, s.folder.repeats) for s in found.subsets] == [
        ("mia cat", 3), ("img", 7), ("zuko dog", 7),
    ]  # fmt: skip


def test_folders_without_numbers_are_explained_otherwise(tmp_path: Path) -> None:
    image_folder(tmp_path / "img", "zuko dog", [SQUARE], "x")
    (found,) = look(tmp_path).problems
    assert found.code == "no_folder_with_number"
    assert "class_folders" in found.text
    assert "10_zuko dog" in found.text


def test_a_metadata_file_replaces_folder_names_and_may_have_regularisation_beside_it(tmp_path: Path) -> None:
    image_folder(tmp_path, "img", [SQUARE] * 3)
    image_folder(tmp_path / "reg", "1_dog", [(80, 64)])
    path = tmp_path / "meta.json"
    path.write_text(json.dumps({f"0{n}.png": {"caption": f"number {n}"} for n in range(3)}), encoding="utf-8")
    found = look(tmp_path, in_json=str(path), dataset_repeats=2, reg_data_dir=str(tmp_path / "reg"))
    assert found.problems == ()
    assert [(s.is_reg, s.repeats) for s in found.subsets] == [(False, (2, 2, 2)), (True, (6,))]


def test_a_dataset_files_folders_are_read_like_all_others(tmp_path: Path) -> None:
    image_folder(tmp_path, "10_dogs", [SQUARE] * 2, "a dog")
    image_folder(tmp_path, "reg", [(80, 64)])
    dogs = {"image_dir": "10_dogs", "num_repeats": 4}
    found = describe(
        tmp_path,
        {"resolution": 64, "subsets": [dogs, {"image_dir": "reg", "is_reg": True, "class_tokens": "dog"}]},
        {"resolution": 128, "batch_size": 3, "subsets": [dogs]},
    )
    assert found.problems == found.warnings == ()
    assert [(s.dataset, s.is_reg, s.repeats, s.batch_size) for s in found.subsets] == [
        (0, False, (4, 4), 0), (0, True, (8,), 0), (1, False, (4, 4), 3),
    ]  # fmt: skip
    assert [group.bucket for s in found.subsets for group in s.groups()] == [(64, 64)] * 5


def test_everything_wrong_with_a_dataset_file_and_its_images_is_told_at_once(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "dogs", [SQUARE] * 2, "a dog")
    (folder / "00.png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    missing = {"metadata_file": "none.json"}
    found = describe(
        tmp_path,
        {"resolution": 64, "bucket_reso_steps": 128, "subsets": [{"image_dir": "dogs"}, {"image_dir": "empty"}]},
        {"subsets": [{"image_dir": "gone", "keep_token": 1}]},
        {"subsets": [missing]},
    )
    assert set(codes(found.problems)) == {
        "dataset_key_unknown_near", "image_unreadable", "image_folder_empty", "dataset_folder_missing",
        "metadata_file_unreadable", "resolution_below_step",
    }  # fmt: skip


def test_images_without_caption_and_class_tokens_are_warned_about(tmp_path: Path) -> None:
    image_folder(tmp_path, "dogs", [SQUARE])
    found = describe(tmp_path, {"subsets": [{"image_dir": "dogs"}]})
    assert codes(found.warnings) == ["captions_missing_altogether"]


def test_regularisation_images_without_any_name_are_warned_about_too(tmp_path: Path) -> None:
    image_folder(tmp_path, "3_zuko dog", [SQUARE], "a dog")
    image_folder(tmp_path, "dog", [(80, 64)])
    found = describe(tmp_path, {"subsets": [{"image_dir": "3_zuko dog"}, {"image_dir": "dog", "is_reg": True}]})
    assert codes(found.warnings) == ["captions_missing_altogether"]
    (notice,) = protection(found.subsets)
    assert 'protects "dog" while "zuko dog" is learnt' in notice.text


def test_every_place_that_matters_is_watched_for_changes(tmp_path: Path) -> None:
    describe(tmp_path, {"subsets": [{"image_dir": "dogs"}, {"metadata_file": "m.json"}]})
    image_folder(tmp_path / "reg", "1_dog", [])
    settings = DatasetSettings(dataset_config=str(tmp_path / "images.toml"), reg_data_dir=str(tmp_path / "reg"))
    assert {path.name for path in watched(DataSettings(settings))} == {
        "images.toml", "dogs", "m.json", "reg", "1_dog",
    }  # fmt: skip


def test_mask_folders_are_watched_while_masks_are_used(tmp_path: Path) -> None:
    images, masks = tmp_path / "img", tmp_path / "masks"
    (masks / "1_dog").mkdir(parents=True)
    images.mkdir()
    used = {"train_data_dir": str(images), "conditioning_data_dir": str(masks), "masked_loss": True}
    assert {path.name for path in watched(DataSettings().with_values(used))} == {"img", "masks", "1_dog"}
    assert {path.name for path in watched(DataSettings().with_values(used | {"masked_loss": False}))} == {"img"}
