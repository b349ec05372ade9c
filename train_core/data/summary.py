"""What a result's metadata says of the images it was trained on, in the shapes that the ecosystem reads."""

from __future__ import annotations

from collections import Counter
from typing import Any

from train_core.data.library import Entry, Library


def folder_summary(library: Library) -> dict[str, dict[str, int]]:
    """`ss_dataset_dirs`: repeats and number of images of each folder, by its name."""
    summary: dict[str, dict[str, int]] = {}
    for entry in library.entries:
        folder = summary.setdefault(entry.folder.name, {"n_repeats": entry.repeats, "img_count": 0})
        folder["img_count"] += 1
    return summary


def tag_frequency(library: Library) -> dict[str, dict[str, int]]:
    """`ss_tag_frequency`: how many images of each folder bear each comma-separated tag, lower-cased."""
    counts: dict[str, Counter[str]] = {}
    for entry in library.entries:
        tags = (tag.strip().lower() for tag in entry.caption.split(","))
        counts.setdefault(entry.folder.name, Counter()).update(tag for tag in tags if tag)
    return {folder: dict(tags) for folder, tags in counts.items()}


def bucket_summary(library: Library) -> dict[str, Any]:
    """`ss_bucket_info`: samples per bucket, and the mean difference in aspect ratio of image and bucket."""
    counts = Counter(library.buckets)
    buckets = {
        str(number): {"resolution": list(bucket), "count": counts[bucket]}
        for number, bucket in enumerate(sorted(counts))
    }
    errors = [_ratio_error(library.entries[entry]) for entry in library.samples]
    return {"buckets": buckets, "mean_img_ar_error": sum(errors) / len(errors)}


def _ratio_error(entry: Entry) -> float:
    width, height = entry.fit.bucket
    return abs(width / height - entry.size[0] / entry.size[1])
