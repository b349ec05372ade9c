"""The bucket of an image, and how the image is cut."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.sections.dataset import DatasetSettings
from train_core.facts.images.buckets import BucketRules, assign, bucket_list, bucket_problems, bucket_rules

sides = st.integers(1, 5000)
sizes = st.tuples(sides, sides)
steps = st.sampled_from([8, 16, 32, 64, 128])
resolutions = st.tuples(st.integers(256, 1536), st.integers(256, 1536))


@pytest.mark.parametrize(
    ("side", "max_side", "count"), [(512, 1024, 17), (768, 1024, 19), (1024, 1024, 25), (1024, 2048, 41)]
)
def test_the_lists_have_the_known_lengths(side: int, max_side: int, count: int) -> None:
    assert len(bucket_list((side, side), 256, max_side, 64)) == count


def test_the_list_for_512_begins_and_ends_as_known() -> None:
    buckets = bucket_list((512, 512), 256, 1024, 64)
    assert (buckets[0], buckets[-1]) == ((256, 832), (1024, 256))


@given(resolutions, steps)
def test_buckets_are_multiples_within_the_area_and_come_in_both_orientations(
    resolution: tuple[int, int], step: int
) -> None:
    buckets = bucket_list(resolution, 256, 2048, step)
    assert buckets
    assert list(buckets) == sorted(set(buckets))
    for width, height in buckets:
        assert width % step == height % step == 0
        assert 0 < width * height <= resolution[0] * resolution[1]
        assert (height, width) in buckets


@given(sizes, resolutions, steps, st.booleans(), st.booleans())
def test_every_image_gets_a_bucket_that_its_scaled_size_covers(
    size: tuple[int, int], resolution: tuple[int, int], step: int, enabled: bool, no_upscale: bool
) -> None:
    fit = assign(size, BucketRules(resolution, enabled, no_upscale, 256, 2048, step))
    for side in (0, 1):
        assert 0 < fit.bucket[side] <= fit.resized[side]
        assert 0 <= fit.crop[side] <= fit.resized[side] - fit.bucket[side]
        assert abs((fit.resized[side] - fit.bucket[side]) - 2 * fit.crop[side]) <= 1
    if enabled:
        assert fit.bucket[0] % step == fit.bucket[1] % step == 0
        # Without upscaling, sides are rounded to whole pixels first, as in sd-scripts.
        rounded_up = sum(fit.resized) + 1 if no_upscale and min(fit.bucket) > step else 0
        assert fit.bucket[0] * fit.bucket[1] <= resolution[0] * resolution[1] + rounded_up


@given(sizes)
def test_without_upscaling_an_image_that_holds_a_step_never_grows(size: tuple[int, int]) -> None:
    fit = assign(size, BucketRules((512, 512)))
    if min(size) >= 64 and min(fit.resized) > 64:
        assert fit.resized[0] <= size[0]
        assert fit.resized[1] <= size[1]


@given(sizes, resolutions)
def test_scaling_keeps_the_ratio_to_within_a_pixel(size: tuple[int, int], resolution: tuple[int, int]) -> None:
    resized = assign(size, BucketRules(resolution)).resized
    scale = max(resized[0] / size[0], resized[1] / size[1])
    assert math.isclose(resized[0], size[0] * scale, abs_tol=max(1.0, size[0] / size[1]))
    assert math.isclose(resized[1], size[1] * scale, abs_tol=max(1.0, size[1] / size[0]))


@pytest.mark.parametrize(
    ("size", "resized", "bucket"),
    [
        ((1920, 1080), (683, 384), (640, 384)),
        ((300, 200), (300, 200), (256, 192)),
        ((512, 512), (512, 512), (512, 512)),
        ((64, 64), (64, 64), (64, 64)),
        ((1000, 1778), (384, 683), (384, 640)),
        ((1778, 1000), (683, 384), (640, 384)),
    ],
)
def test_no_upscale_gives_the_known_examples(
    size: tuple[int, int], resized: tuple[int, int], bucket: tuple[int, int]
) -> None:
    fit = assign(size, BucketRules((512, 512)))
    assert (fit.resized, fit.bucket) == (resized, bucket)


def bucket_of_sd_scripts(size: tuple[int, int], area: int, step: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The scaled size and the bucket under bucket_no_upscale. Raises ZeroDivisionError where sd-scripts does."""

    def to_steps(side: float) -> int:
        whole = int(side + 0.5)
        return whole - whole % step

    ratio = size[0] / size[1]
    resized = size
    if size[0] * size[1] > area:
        width = math.sqrt(area * ratio)
        by_width, by_height = to_steps(width), to_steps(area / width)
        if abs(by_width / to_steps(by_width / ratio) - ratio) < abs(to_steps(by_height * ratio) / by_height - ratio):
            resized = (by_width, int(by_width / ratio + 0.5))
        else:
            resized = (int(by_height * ratio + 0.5), by_height)
    return resized, (resized[0] - resized[0] % step, resized[1] - resized[1] % step)


@given(sizes, resolutions, steps)
def test_no_upscale_gives_the_buckets_of_sd_scripts_wherever_these_have_two_sides(
    size: tuple[int, int], resolution: tuple[int, int], step: int
) -> None:
    try:
        resized, bucket = bucket_of_sd_scripts(size, resolution[0] * resolution[1], step)
    except ZeroDivisionError:
        return
    fit = assign(size, BucketRules(resolution, step=step))
    if min(bucket):
        assert (fit.resized, fit.bucket) == (resized, bucket)
    else:
        assert min(fit.bucket) == step


def test_an_image_thinner_than_a_step_is_enlarged_to_one_step() -> None:
    fit = assign((300, 40), BucketRules((512, 512)))
    assert (fit.resized, fit.bucket) == ((480, 64), (448, 64))


def test_with_upscaling_the_bucket_nearest_in_ratio_is_filled() -> None:
    fit = assign((200, 100), BucketRules((512, 512), no_upscale=False, max_side=1024))
    assert fit.bucket == (704, 320)
    assert fit.resized == (704, 352)
    assert fit.crop == (0, 16)


def test_an_image_of_a_bucket_s_size_is_not_touched() -> None:
    fit = assign((832, 256), BucketRules((512, 512), no_upscale=False, max_side=1024))
    assert (fit.bucket, fit.resized, fit.crop) == ((832, 256), (832, 256), (0, 0))


def test_halves_are_rounded_up() -> None:
    fit = assign((200, 101), BucketRules((100, 100), enabled=False))
    assert fit.resized == (198, 100)
    assert assign((101, 40), BucketRules((200, 20), enabled=False)).resized == (200, 79)
    assert assign((200, 99), BucketRules((100, 16), enabled=False)).resized == (100, 50)


def test_without_buckets_every_image_has_the_resolution() -> None:
    assert assign((100, 900), BucketRules((512, 384), enabled=False)).bucket == (512, 384)


def test_the_rules_come_from_the_settings() -> None:
    settings = DatasetSettings(resolution="768,512", bucket_no_upscale=False, bucket_reso_steps=32)
    assert bucket_rules(settings) == BucketRules((768, 512), no_upscale=False, step=32)


def test_a_resolution_below_one_step_is_a_problem() -> None:
    (found,) = bucket_problems(BucketRules((256, 256), step=512))
    assert found.code == "resolution_below_step"
    assert "bucket_reso_steps" in found.text
    assert bucket_problems(BucketRules((256, 256), step=256)) == []
