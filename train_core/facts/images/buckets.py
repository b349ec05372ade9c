"""Aspect-ratio buckets: which size each image is trained at, how it is scaled and what is cropped.

Sizes are (width, height) in pixels throughout. The rules are those of sd-scripts, except for images so thin that it
would give them a bucket of height or width 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import NamedTuple

from train_core.config.checks.images import resolution_of
from train_core.config.problems import Problem, problem
from train_core.config.sections.dataset import DatasetSettings

Size = tuple[int, int]


@dataclass(frozen=True)
class BucketRules:
    """The settings that decide buckets. `resolution` is an area with buckets on, the exact size with buckets off."""

    resolution: Size
    enabled: bool = True
    no_upscale: bool = True
    min_side: int = 256
    max_side: int = 2048
    step: int = 64


@dataclass(frozen=True)
class BucketFit:
    """Fit of one image into its bucket: scaled to `resized`, then `bucket` is cut out at `crop`, (left, top)."""

    bucket: Size
    resized: Size
    crop: tuple[int, int]


class Group(NamedTuple):
    """Properties shared by all images of a batch. `batch_size` is their dataset's own, 0 where the run's holds."""

    bucket: Size
    batch_size: int = 0


def bucket_rules(dataset: DatasetSettings) -> BucketRules:
    """The bucket rules that `dataset` asks for."""
    return BucketRules(
        resolution=resolution_of(dataset.resolution),
        enabled=dataset.enable_bucket,
        no_upscale=dataset.bucket_no_upscale,
        min_side=dataset.min_bucket_reso,
        max_side=dataset.max_bucket_reso,
        step=dataset.bucket_reso_steps,
    )


@cache
def bucket_list(resolution: Size, min_side: int, max_side: int, step: int) -> tuple[Size, ...]:
    """All buckets for `resolution`, sorted: multiples of `step` within the limits, of at most the resolution's area."""
    area = resolution[0] * resolution[1]
    smallest = max(step, _floor(min_side, step))
    largest = math.ceil(max_side / step) * step
    square = _floor(math.isqrt(area), step)
    found = {(square, square)} if square else set()
    for width in range(smallest, largest + step, step):
        height = min(largest, _floor(area // width, step))
        if height >= smallest:
            found |= {(width, height), (height, width)}
    return tuple(sorted(found))


@lru_cache(maxsize=16_384)  # asked again for every image at every key that is typed
def assign(size: Size, rules: BucketRules) -> BucketFit:
    """The bucket for an image of `size`, with the scaling and the centred crop that lead to it."""
    if not rules.enabled:
        return _cover(size, rules.resolution)
    if rules.no_upscale:
        return _without_upscaling(size, rules)
    buckets = bucket_list(rules.resolution, rules.min_side, rules.max_side, rules.step)
    ratio = size[0] / size[1]
    bucket = size if size in buckets else min(buckets, key=lambda b: abs(b[0] / b[1] - ratio))
    return _cover(size, bucket)


def bucket_problems(rules: BucketRules) -> list[Problem]:
    """Reasons why `rules` leave images without a bucket; empty when every image has one."""
    width, height = rules.resolution
    if not rules.enabled or min(width, height) >= rules.step:
        return []
    return [
        problem(
            "resolution_below_step",
            "The resolution {width}x{height} is smaller than one bucket step ({step}). Raise resolution or lower "
            "bucket_reso_steps.",
            width=width,
            height=height,
            step=rules.step,
        )
    ]


def older_bucket(size: Size, rules: BucketRules) -> Size:
    """The bucket that versions gave which rounded no side to whole pixels before cutting it down to a step."""
    if not (rules.enabled and rules.no_upscale):
        return assign(size, rules).bucket
    area, step = rules.resolution[0] * rules.resolution[1], rules.step
    resized = _shrink(size, area, step, lambda side: side) if size[0] * size[1] > area else size
    return _whole_steps(resized, area, step) if min(resized) >= step else _one_step_thick(size, area, step).bucket


def _without_upscaling(size: Size, rules: BucketRules) -> BucketFit:
    """Shrink to the target area if larger, then cut both sides down to multiples of the step."""
    area, step = rules.resolution[0] * rules.resolution[1], rules.step
    resized = _shrink(size, area, step, _round) if size[0] * size[1] > area else size
    if min(resized) < step:
        return _one_step_thick(size, area, step)
    bucket = (_floor(resized[0], step), _floor(resized[1], step))
    return BucketFit(bucket, resized, _centre(resized, bucket))


def _shrink(size: Size, area: int, step: int, rounded: Callable[[float], float]) -> Size:
    """Scale `size` to about `area`, with one side a multiple of `step`: whichever leaves a bucket closer in ratio.

    Sides are `rounded` before they are cut down to the step. A side below one step makes the result thinner than it.
    """
    ratio = size[0] / size[1]
    ideal_width = math.sqrt(area * ratio)
    width = _floor(rounded(ideal_width), step)
    height = _floor(rounded(area / ideal_width), step)
    error_by_width = _ratio_error(width, _floor(rounded(width / ratio), step), ratio)
    error_by_height = _ratio_error(_floor(rounded(height * ratio), step), height, ratio)
    if error_by_width < error_by_height:
        return width, _round(width / ratio)
    return _round(height * ratio), height


def _one_step_thick(size: Size, area: int, step: int) -> BucketFit:
    """Scale an image too thin to hold one step until its short side does, and cut its long side to the area."""
    scale = step / min(size)
    resized = (max(step, _round(size[0] * scale)), max(step, _round(size[1] * scale)))
    bucket = _whole_steps(resized, area, step)
    return BucketFit(bucket, resized, _centre(resized, bucket))


def _whole_steps(resized: Size, area: int, step: int) -> Size:
    """`resized` in whole steps, with the long side cut so that the bucket stays within `area`."""
    longest = _floor(area // _floor(min(resized), step), step)
    return min(longest, _floor(resized[0], step)), min(longest, _floor(resized[1], step))


def _ratio_error(width: int, height: int, ratio: float) -> float:
    return abs(width / height - ratio) if width and height else math.inf


def _cover(size: Size, bucket: Size) -> BucketFit:
    """Scale `size`, keeping its ratio, so that it just covers `bucket`."""
    ratio = size[0] / size[1]
    if ratio > bucket[0] / bucket[1]:
        resized = (max(bucket[0], _round(bucket[1] * ratio)), bucket[1])
    else:
        resized = (bucket[0], max(bucket[1], _round(bucket[0] / ratio)))
    return BucketFit(bucket, resized, _centre(resized, bucket))


def _centre(resized: Size, bucket: Size) -> tuple[int, int]:
    return (resized[0] - bucket[0]) // 2, (resized[1] - bucket[1]) // 2


def _floor(value: float, step: int) -> int:
    return int(value // step) * step


def _round(value: float) -> int:
    """Nearest whole number, halves upwards."""
    return math.floor(value + 0.5)
