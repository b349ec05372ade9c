"""Buckets of a run's images: how many images each holds, and how much of them is cropped away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.buckets import Size, assign, bucket_rules


@dataclass(frozen=True)
class Bar:
    """One bucket: its size in pixels, its images, and how often an epoch sees them."""

    size: Size
    images: int
    samples: int


@dataclass(frozen=True)
class BucketChart:
    """Every bucket from the tallest to the widest. `cropped` is the share of all pixels that is cut off when images
    are fitted into their buckets, each counted as often as it is seen; `cropped_most` is that of the worst image."""

    bars: tuple[Bar, ...]
    cropped: float
    cropped_most: float


def bucket_chart(subsets: Iterable[Subset]) -> BucketChart:
    """The buckets of the images of `subsets`, which all fit into buckets."""
    images: Counter[Size] = Counter()
    samples: Counter[Size] = Counter()
    lost = whole = most = 0.0
    for subset in subsets:
        rules = bucket_rules(subset.settings.dataset)
        for image, repeats in zip(subset.folder.images, subset.repeats, strict=True):
            fit = assign(image.size, rules)
            share = 1.0 - fit.bucket[0] * fit.bucket[1] / (fit.resized[0] * fit.resized[1])
            images[fit.bucket] += 1
            samples[fit.bucket] += repeats
            lost, whole, most = lost + share * repeats, whole + repeats, max(most, share)
    order = sorted(images, key=lambda size: (size[0] / size[1], size))
    bars = tuple(Bar(size, images[size], samples[size]) for size in order)
    return BucketChart(bars, lost / whole if whole else 0.0, most)
