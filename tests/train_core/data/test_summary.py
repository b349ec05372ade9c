"""Metadata about the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import image_folder, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.tables import dump_tables
from train_core.data.library import Library, open_library
from train_core.data.summary import bucket_summary, dataset_summary, folder_summary, registered, tag_frequency


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Two folders with three images."""
    image_folder(tmp_path, "2_dog", [(128, 128), (200, 128)], "Dog, brown fur")
    image_folder(tmp_path, "3_cat", [(128, 128)])
    return open_library(DataSettings(DatasetSettings(train_data_dir=str(tmp_path), resolution="160")))


def test_folders_are_listed_with_repeats_and_images(library: Library) -> None:
    assert folder_summary(library) == {
        "2_dog": {"n_repeats": 2, "img_count": 2},
        "3_cat": {"n_repeats": 3, "img_count": 1},
    }


def test_tags_are_counted_once_per_image_in_lower_case(library: Library) -> None:
    assert tag_frequency(library) == {
        "2_dog": {"dog": 2, "brown fur": 2, "number 0": 1, "number 1": 1},
        "3_cat": {"cat": 1},
    }


def test_only_lines_that_draws_use_are_counted(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_dog", [(128, 128)], "")
    (folder / "00.txt").write_text("dog, fur\nhound, fur", encoding="utf-8")
    settings = DataSettings(DatasetSettings(train_data_dir=str(tmp_path), resolution="128"))
    assert tag_frequency(open_library(settings)) == {"1_dog": {"dog": 1, "fur": 1}}
    every_line = open_library(settings.with_values({"enable_wildcard": True}))
    assert tag_frequency(every_line) == {"1_dog": {"dog": 1, "fur": 1, "hound": 1}}


def test_buckets_count_samples_and_say_how_far_off_they_are(library: Library) -> None:
    assert bucket_summary(library) == {
        "buckets": {"0": {"resolution": [128, 128], "count": 5}, "1": {"resolution": [192, 128], "count": 2}},
        "mean_img_ar_error": pytest.approx(2 * (200 / 128 - 1.5) / 7),
    }


def test_without_buckets_there_are_none_to_count(tmp_path: Path) -> None:
    image_folder(tmp_path, "2_dog", [(128, 128), (200, 128)], "Dog")
    settings = DatasetSettings(train_data_dir=str(tmp_path), resolution="128", enable_bucket=False)
    library = open_library(DataSettings(settings))
    assert bucket_summary(library) is None
    (dataset,) = dataset_summary(library, 1)
    assert [dataset[name] for name in ("enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_info")] == [
        False, None, None, None,
    ]  # fmt: skip


def test_regularisation_folders_are_listed_apart_and_counted_before_they_are_matched(tmp_path: Path) -> None:
    image_folder(tmp_path / "img", "4_zuko dog", [(128, 128)] * 2, "Dog")
    for number, name in enumerate(("2_dog", "3_animal")):
        noise_image((128, 128), 70 + number).save(image_folder(tmp_path / "reg", name, []) / "a.png")
    folders = {"train_data_dir": str(tmp_path / "img"), "reg_data_dir": str(tmp_path / "reg")}
    library = open_library(DataSettings(DatasetSettings(**folders, resolution="128")))
    assert folder_summary(library) == {"4_zuko dog": {"n_repeats": 4, "img_count": 2}}
    assert folder_summary(library, is_reg=True) == {
        "2_dog": {"n_repeats": 2, "img_count": 1},
        "3_animal": {"n_repeats": 3, "img_count": 1},
    }
    assert (registered(library.subsets, is_reg=False), registered(library.subsets, is_reg=True)) == (8, 5)
    assert tag_frequency(library)["2_dog"] == {"dog": 1}


def test_datasets_are_listed_with_their_subsets(tmp_path: Path) -> None:
    image_folder(tmp_path, "dogs", [(128, 128)] * 2, "Dog, fur")
    image_folder(tmp_path / "other", "dogs", [(64, 128)], "Hound")
    meta = tmp_path / "meta.json"
    meta.write_text('{"dogs/00.png": {"caption": "a dog", "tags": "Fur, sun"}}', encoding="utf-8")
    tables = [
        {
            "resolution": [128, 64], "batch_size": 3,
            "subsets": [
                {"image_dir": "dogs", "num_repeats": 2, "flip_aug": True, "class_tokens": "dog"},
                {"image_dir": "other/dogs", "is_reg": True, "num_repeats": 5},
            ],
        },
        {"subsets": [{"metadata_file": "meta.json"}]},
    ]  # fmt: skip
    path = tmp_path / "images.toml"
    path.write_text(dump_tables({"datasets": tables}), encoding="utf-8")
    library = open_library(DataSettings(DatasetSettings(dataset_config=str(path), resolution="64")))
    first, second = dataset_summary(library, 7)
    assert (first["is_dreambooth"], first["batch_size_per_device"], first["resolution"]) == (True, 3, [128, 64])
    assert (first["num_train_images"], first["num_reg_images"]) == (4, 5)
    assert first["tag_frequency"] == {
        "dogs": {"dog": 2, "fur": 2, "number 0": 1, "number 1": 1}, "dogs (2)": {"hound": 1, "number 0": 1},
    }  # fmt: skip
    own, regular = first["subsets"]
    assert (own["image_dir"], own["num_repeats"], own["img_count"], own["flip_aug"]) == ("dogs", 2, 2, True)
    assert (own["class_tokens"], own["is_reg"], regular["is_reg"]) == ("dog", False, True)
    assert (second["is_dreambooth"], second["batch_size_per_device"], second["resolution"]) == (False, 7, [64, 64])
    assert second["tag_frequency"] == {"meta.json": {"fur": 1, "sun": 1}}
    assert second["subsets"][0]["metadata_file"] == "meta.json"
    assert list(folder_summary(library)) == ["dogs", "meta.json"]


def test_marks_that_keep_tags_in_place_or_together_are_no_part_of_them(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_dog", [(128, 128)], "")
    (folder / "00.txt").write_text("1boy##standing, red;;;blue, x，y", encoding="utf-8")
    marks = {"keep_tokens_separator": "##", "secondary_separator": ";;;", "shuffle_caption": True}
    settings = DataSettings(DatasetSettings(train_data_dir=str(tmp_path), resolution="128")).with_values(marks)
    assert tag_frequency(open_library(settings)) == {
        "1_dog": {"1boy": 1, "standing": 1, "red": 1, "blue": 1, "x": 1, "y": 1},
    }
