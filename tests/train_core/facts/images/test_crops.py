"""The crop of a draw."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.sections.augmentation import AugmentationSettings
from train_core.facts.images.buckets import BucketFit, BucketRules, assign
from train_core.facts.images.crops import CropRules, crop_rules, draw_fit
from train_core.facts.images.faces import Face, face_in

sides = st.integers(64, 1500)
seeds = st.integers()


@st.composite
def images(draw: st.DrawFn) -> tuple[tuple[int, int], BucketFit, Face]:
    """An image's size, its fit with or without buckets, and a face somewhere in it."""
    size = (draw(sides), draw(sides))
    rules = BucketRules((256, 256), enabled=draw(st.booleans()), no_upscale=draw(st.booleans()), min_side=64)
    width, height = draw(st.integers(8, size[0])), draw(st.integers(8, size[1]))
    x = draw(st.integers(width // 2, size[0] - (width + 1) // 2))
    y = draw(st.integers(height // 2, size[1] - (height + 1) // 2))
    return size, assign(size, rules), Face(x, y, width, height)


@given(images(), st.booleans(), st.booleans(), seeds)
def test_every_crop_lies_in_the_image_and_fills_its_bucket(
    image: tuple[tuple[int, int], BucketFit, Face], moves: bool, zooms: bool, seed: int
) -> None:
    size, fit, face = image
    drawn = draw_fit(size, fit, face, CropRules(moves, (1.5, 4.0) if zooms else None), Random(seed))
    assert drawn.bucket == fit.bucket
    for start, side, whole in zip(drawn.crop, drawn.bucket, drawn.resized, strict=True):
        assert 0 <= start <= whole - side


def test_without_rules_nothing_changes() -> None:
    fit = BucketFit((64, 64), (100, 64), (18, 0))
    assert draw_fit((200, 128), fit, Face(20, 20, 10, 10), CropRules(), Random(0)) is fit


def test_random_crops_reach_both_ends_and_stay_put_where_there_is_no_room() -> None:
    fit = BucketFit((64, 64), (70, 64), (3, 0))
    crops = {draw_fit((70, 64), fit, None, CropRules(random=True), Random(seed)).crop for seed in range(200)}
    assert crops == {(left, 0) for left in range(7)}


def test_the_crop_is_as_many_faces_wide_as_asked() -> None:
    """A face of 100 pixels, three wide: 300 pixels become the bucket's 192, so the scale is 0.64."""
    fit = BucketFit((256, 192), (256, 192), (0, 0))
    drawn = draw_fit((1000, 750), fit, Face(400, 300, 100, 80), CropRules(face_range=(3.0, 3.0)), Random(0))
    assert drawn.resized == (640, 480)
    assert drawn.crop == (256 - 128, 192 - 96)


def test_a_face_at_the_edge_is_cropped_from_the_edge() -> None:
    fit = BucketFit((64, 64), (64, 64), (0, 0))
    drawn = draw_fit((640, 640), fit, Face(630, 5, 20, 10), CropRules(face_range=(4.0, 4.0)), Random(0))
    assert drawn.crop == (drawn.resized[0] - 64, 0)


def test_a_face_is_never_enlarged_for_its_own_sake() -> None:
    fit = BucketFit((256, 256), (256, 256), (0, 0))
    drawn = draw_fit((512, 512), fit, Face(256, 256, 10, 10), CropRules(face_range=(1.0, 2.0)), Random(0))
    assert drawn.resized == (512, 512)


@given(images(), seeds)
def test_a_random_crop_keeps_a_face_that_fits_whole(
    image: tuple[tuple[int, int], BucketFit, Face], seed: int
) -> None:
    size, fit, face = image
    drawn = draw_fit(size, fit, face, CropRules(True, (1.5, 4.0)), Random(seed))
    parts = zip(drawn.crop, drawn.bucket, drawn.resized, size, (face.x, face.y), (face.width, face.height), strict=True)
    for start, side, length, whole, centre, extent in parts:
        low, high = max(0, centre - extent / 2) * length / whole, min(whole, centre + extent / 2) * length / whole
        if high - low <= side:
            assert start - 1 <= low
            assert high <= start + side + 1


def test_random_crops_around_a_face_differ() -> None:
    fit = BucketFit((64, 64), (64, 64), (0, 0))
    rules = CropRules(True, (2.0, 2.0))
    crops = {draw_fit((640, 640), fit, Face(320, 320, 60, 60), rules, Random(seed)).crop for seed in range(30)}
    assert len(crops) > 10


def test_faces_are_read_from_the_end_of_names() -> None:
    assert face_in(Path("my_cat_120_80_40_50.png")) == Face(120, 80, 40, 50)
    assert face_in(Path("cat_1_2_3.png")) is None
    assert face_in(Path("cat_1_2_0_3.png")) is None


def test_rules_come_from_the_settings() -> None:
    assert crop_rules(AugmentationSettings()) == CropRules()
    assert not crop_rules(AugmentationSettings()).vary
    settings = AugmentationSettings(random_crop=True, face_crop_aug_range=" 1.5, 4")
    assert crop_rules(settings) == CropRules(True, (1.5, 4.0))


@pytest.mark.parametrize("rules", [CropRules(random=True), CropRules(face_range=(1.0, 2.0))])
def test_rules_that_vary_say_so(rules: CropRules) -> None:
    assert rules.vary
