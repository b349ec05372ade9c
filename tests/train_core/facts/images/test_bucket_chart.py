"""The buckets as a chart: images in each, and the share that is cropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_core.config.image_settings import DataSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.facts.datasets.folders import ImageFile, ImageFolder
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.bucket_chart import Bar, BucketChart, bucket_chart


def chart(sizes: list[tuple[int, int]], repeats: int = 1, **dataset: object) -> BucketChart:
    images = tuple(ImageFile(Path(f"{number}.png"), None, size) for number, size in enumerate(sizes))
    settings = DataSettings(DatasetSettings(**dataset))
    return bucket_chart([Subset(ImageFolder(Path("5_x"), repeats, "x", images), settings, (repeats,) * len(images))])


def test_images_are_counted_by_bucket_from_the_tallest_to_the_widest():
    found = chart([(640, 384), (512, 512), (384, 640), (512, 512)], repeats=5)
    assert found.bars == (Bar((384, 640), 1, 5), Bar((512, 512), 2, 10), Bar((640, 384), 1, 5))
    assert (found.cropped, found.cropped_most) == (0, 0)


def test_without_buckets_what_lies_outside_of_the_square_is_cropped():
    found = chart([(1024, 512), (512, 512)], enable_bucket=False)
    assert found.bars == (Bar((512, 512), 2, 2),)
    assert found.cropped_most == pytest.approx(0.5)
    assert found.cropped == pytest.approx(0.25)


def test_images_that_are_not_seen_lose_nothing():
    images = tuple(ImageFile(Path(f"{n}.png"), None, size) for n, size in enumerate([(1024, 512), (512, 512)]))
    settings = DataSettings(DatasetSettings(enable_bucket=False))
    one = Subset(ImageFolder(Path("1_x"), 1, "x", images), settings, (0, 3), is_reg=True)
    assert bucket_chart([one]).cropped == 0


def test_no_images_make_an_empty_chart():
    assert bucket_chart([]) == BucketChart((), 0.0, 0.0)
