"""Settings of images checked against each other: one source only, and sizes that can be cut into buckets."""

from __future__ import annotations

from train_core.config.phrases import phrase
from train_core.config.problems import Problem, problem
from train_core.config.sections.dataset import LONGEST_SIDE, DatasetSettings


def resolution_of(text: str) -> tuple[int, int]:
    """Width and height in pixels from "512" or "768,512"."""
    sides = [int(side) for side in text.split(",")]
    return (sides[0], sides[-1])


def source_contradictions(dataset: DatasetSettings) -> list[Problem]:
    """A problem for each setting that says where images are when another setting says so too."""
    pairs = {
        "dataset_config": ("train_data_dir", "reg_data_dir", "in_json", "class_folders"),
        "in_json": ("class_folders",),
    }
    return [
        problem(
            "two_image_sources",
            "{source} = {path} and {name} are both set, but only one can say where the images are. Clear one of them.",
            source=source, path=getattr(dataset, source), name=name,
        )
        for source, others in pairs.items()
        if getattr(dataset, source).strip()
        for name in others
        if getattr(dataset, name)
    ]


def bucket_contradictions(dataset: DatasetSettings, place: str = "") -> list[Problem]:
    """Reasons why images of this size cannot be cut up. `place`: where it stands if not in the settings."""
    width, height = resolution_of(dataset.resolution)
    resolution = dataset.resolution
    if place:
        resolution = phrase("value_at", "{value} ({place})", value=resolution, place=place)
    if min(width, height) < 64 or max(width, height) > LONGEST_SIDE or width % 8 or height % 8:
        return [
            problem(
                "bad_resolution",
                "resolution = {resolution}: both sides must be multiples of 8, from 64 to {longest}.",
                resolution=resolution, longest=LONGEST_SIDE,
            )
        ]
    low, high = dataset.min_bucket_reso, dataset.max_bucket_reso
    # Without upscaling a bucket follows the image itself, and these two are not used.
    follows_list = dataset.enable_bucket and not dataset.bucket_no_upscale
    if follows_list and not low <= min(width, height) <= max(width, height) <= high:
        return [
            problem(
                "bucket_bounds",
                "resolution = {resolution} is not between min_bucket_reso = {low} and max_bucket_reso = {high}. Lower "
                "min_bucket_reso or raise max_bucket_reso.",
                resolution=resolution, low=low, high=high,
            )
        ]
    return []
