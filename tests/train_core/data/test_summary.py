"""What metadata says of the images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import image_folder
from train_core.config.data import DataSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.data.library import Library, open_library
from train_core.data.summary import bucket_summary, folder_summary, tag_frequency


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


def test_buckets_count_samples_and_say_how_far_off_they_are(library: Library) -> None:
    assert bucket_summary(library) == {
        "buckets": {"0": {"resolution": [128, 128], "count": 5}, "1": {"resolution": [192, 128], "count": 2}},
        "mean_img_ar_error": pytest.approx(2 * (200 / 128 - 1.5) / 7),
    }
