"""Metadata about the images that a result was trained on, in the shapes that the ecosystem reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from train_core.data.library import Entry, Library
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.buckets import Size, bucket_rules
from train_core.facts.images.caption_draws import CaptionRules, caption_rules, tags_in

# What the ecosystem's readers look for in a subset, if this program has it.
_SUBSET_KEYS = (
    "color_aug", "flip_aug", "random_crop", "shuffle_caption", "keep_tokens", "keep_tokens_separator",
    "secondary_separator", "enable_wildcard", "caption_prefix", "caption_suffix", "resize_interpolation",
)  # fmt: skip
_DATASET_KEYS = ("enable_bucket", "min_bucket_reso", "max_bucket_reso", "resize_interpolation")


def folder_summary(library: Library, is_reg: bool = False) -> dict[str, dict[str, int]]:
    """`ss_dataset_dirs`, or `ss_reg_dataset_dirs` with `is_reg`: repeats and number of images of each folder."""
    return {
        name: {"n_repeats": subset.folder.repeats, "img_count": len(subset.folder.images)}
        for subset, name in _named(library.subsets)
        if subset.is_reg == is_reg
    }


def registered(subsets: Iterable[Subset], is_reg: bool) -> int:
    """The number of training or of regularisation images with their own repeats, before these are matched."""
    return sum(subset.folder.repeats * len(subset.folder.images) for subset in subsets if subset.is_reg == is_reg)


def tag_frequency(library: Library) -> dict[str, dict[str, int]]:
    """`ss_tag_frequency`: how many images of each folder bear each tag, lower-cased and without separator marks."""
    return _tag_frequency(library.entries, library.subsets)


def bucket_summary(library: Library) -> dict[str, Any] | None:
    """`ss_bucket_info`: samples per bucket, and the mean difference in aspect ratio; None with buckets off."""
    return _bucket_summary(library.entries)


def dataset_summary(library: Library, batch_size: int) -> list[dict[str, Any]]:
    """`ss_datasets`: each dataset of a dataset file with its subsets; `batch_size` is the run's."""
    numbers = dict.fromkeys(subset.dataset for subset in library.subsets)
    return [_dataset(library, number, batch_size) for number in numbers]


def _dataset(library: Library, number: int, batch_size: int) -> dict[str, Any]:
    subsets = [subset for subset in library.subsets if subset.dataset == number]
    entries = [entry for entry in library.entries if entry.dataset == number]
    values = subsets[0].settings.flat()
    return {
        "is_dreambooth": not _from_metadata(subsets[0]),
        "batch_size_per_device": subsets[0].batch_size or batch_size,
        "num_train_images": registered(subsets, is_reg=False),
        "num_reg_images": registered(subsets, is_reg=True),
        "resolution": list(bucket_rules(subsets[0].settings.dataset).resolution),
        **{name: values[name] for name in _DATASET_KEYS if name in values},
        **({} if values["enable_bucket"] else {"min_bucket_reso": None, "max_bucket_reso": None}),
        "tag_frequency": _tag_frequency(entries, subsets),
        "bucket_info": _bucket_summary(entries),
        "subsets": [_subset(subset) for subset in subsets],
    }


def _subset(subset: Subset) -> dict[str, Any]:
    values = subset.settings.flat()
    own = {
        "img_count": len(subset.folder.images),
        "num_repeats": subset.folder.repeats,
        **{name: values[name] for name in _SUBSET_KEYS if name in values},
    }
    if _from_metadata(subset):
        return {**own, "metadata_file": subset.folder.path.name}
    return {
        **own, "image_dir": subset.folder.path.name, "class_tokens": subset.folder.class_tokens or None,
        "is_reg": subset.is_reg,
    }  # fmt: skip


def _from_metadata(subset: Subset) -> bool:
    return any(image.caption is not None for image in subset.folder.images)


def _named(subsets: Iterable[Subset]) -> list[tuple[Subset, str]]:
    """Each subset with its folder's name; the second of two like-named ones is called "name (2)"."""
    counts: Counter[str] = Counter()
    named = []
    for subset in subsets:
        name = subset.folder.path.name
        counts[name] += 1
        named.append((subset, f"{name} ({counts[name]})" if counts[name] > 1 else name))
    return named


def _tag_frequency(entries: Sequence[Entry], subsets: Sequence[Subset]) -> dict[str, dict[str, int]]:
    tags = {entry.path: entry.tags for entry in entries}
    found = {}
    for subset, name in _named(subsets):
        counts: Counter[str] = Counter()
        for image in subset.folder.images:
            counts.update(_tags(tags.get(image.path, ""), caption_rules(subset.settings.captions)))
        found[name] = dict(counts)
    return found


def _tags(text: str, rules: CaptionRules) -> list[str]:
    """The tags of the lines that draws use, each once and in their order."""
    lines = text.split("\n") if rules.wildcards else text.split("\n")[:1]
    return list(dict.fromkeys(tag.lower() for line in lines for tag in tags_in(line, rules)))


def _bucket_summary(entries: Sequence[Entry]) -> dict[str, Any] | None:
    if not any(entry.settings.dataset.enable_bucket for entry in entries):
        return None
    counts: Counter[Size] = Counter()
    for entry in entries:
        counts[entry.fit.bucket] += entry.repeats
    buckets = {
        str(number): {"resolution": list(bucket), "count": counts[bucket]}
        for number, bucket in enumerate(sorted(counts))
    }
    errors = sum(_ratio_error(entry) * entry.repeats for entry in entries)
    return {"buckets": buckets, "mean_img_ar_error": errors / max(1, counts.total())}


def _ratio_error(entry: Entry) -> float:
    width, height = entry.fit.bucket
    return abs(width / height - entry.size[0] / entry.size[1])
