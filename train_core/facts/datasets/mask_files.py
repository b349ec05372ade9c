"""Mask images: which one belongs to which image, and what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train_core.config.existing import is_dir
from train_core.config.problems import Problem, problem
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.facts.datasets.folders import image_sizes
from train_core.facts.file_cache import recall, shared_database
from train_core.facts.images.buckets import Size
from train_core.facts.images.image_files import is_image
from train_core.facts.images.transparency import has_alpha


@dataclass(frozen=True)
class Masked:
    """An image, its size, and whether it must have a mask; regularisation images need none."""

    path: Path
    size: Size
    needed: bool = True


@dataclass(frozen=True)
class MaskSurvey:
    """The mask file of each image that has one, what is wrong, what is odd."""

    files: dict[Path, Path]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def mask_directory(augmentation: AugmentationSettings) -> str:
    """The folder of the mask images, "" when there are none."""
    return augmentation.conditioning_data_dir.strip() if augmentation.masked_loss else ""


def survey_masks(images: Sequence[Masked], directory: str) -> MaskSurvey:
    """The masks of `images` in `directory`, or in its sub-folders named like the images' folders where there are such.

    A mask has the name of its image, with any ending, and its size.
    """
    parent = Path(directory)
    if not is_dir(parent):
        return MaskSurvey({}, (_no_folder(directory),), ())
    by_folder: dict[Path, list[Masked]] = defaultdict(list)
    for image in images:
        own = parent / image.path.parent.name
        by_folder[own if own.is_dir() else parent].append(image)
    files: dict[Path, Path] = {}
    problems: list[Problem] = []
    warnings: list[Problem] = []
    for folder, members in sorted(by_folder.items()):
        masks = {path.stem: path for path in sorted(folder.iterdir(), reverse=True) if is_image(path)}
        found = {image.path: masks[image.path.stem] for image in members if image.path.stem in masks}
        files |= found
        problems += [*_missing(folder, members, found), *_for_two(folder, found)]
        warnings += _surplus(folder, masks, found)
    return MaskSurvey(files, (*problems, *_sizes(images, files)), tuple(warnings))


def alpha_warnings(images: Sequence[Path]) -> list[Problem]:
    """A warning when none of `images` has an alpha channel to be a mask."""
    known = recall(images, "alpha", lambda path: str(has_alpha(path)), shared_database())
    if not images or "True" in known.values():
        return []
    return [
        problem(
            "alpha_mask_without_alpha",
            "alpha_mask is on, but no image has transparent parts, so it changes nothing. Images without an alpha "
            "channel can have separate mask files: use masked_loss with conditioning_data_dir.",
        )
    ]


def _no_folder(directory: str) -> Problem:
    return problem(
        "mask_folder_missing",
        "masked_loss is on, but the folder {folder} does not exist. Set conditioning_data_dir to the folder of mask "
        "images, or turn masked_loss off.",
        folder=repr(directory),
    )


def _missing(folder: Path, images: Sequence[Masked], found: dict[Path, Path]) -> list[Problem]:
    without = sorted(image.path for image in images if image.needed and image.path not in found)
    if not without:
        return []
    return [
        problem(
            "masks_missing",
            "{count} of {total} images have no mask in {folder}, for example {image}. Put a mask of the same name and "
            "size there, white where the image should be learnt.",
            count=len(without), total=len(images), folder=str(folder), image=str(without[0]),
        )
    ]


def _for_two(folder: Path, found: dict[Path, Path]) -> list[Problem]:
    images_of: dict[Path, list[Path]] = defaultdict(list)
    for image, mask in found.items():
        images_of[mask].append(image)
    twice = [(mask, sorted(images)) for mask, images in sorted(images_of.items()) if len(images) > 1]
    if not twice:
        return []
    mask, images = twice[0]
    return [
        problem(
            "mask_for_two_images",
            "{count} masks in {folder} match more than one image; for example, {mask} matches {first} and {second}. "
            "Put them into folders named like the image folders.",
            count=len(twice), folder=str(folder), mask=mask.name, first=str(images[0]), second=str(images[1]),
        )
    ]


def _surplus(folder: Path, masks: dict[str, Path], found: dict[Path, Path]) -> list[Problem]:
    unused = sorted(set(masks.values()) - set(found.values()))
    if not unused:
        return []
    return [
        problem(
            "masks_surplus",
            "{count} masks in {folder} match no image, for example {mask}.",
            count=len(unused), folder=str(folder), mask=unused[0].name,
        )
    ]


def _sizes(images: Sequence[Masked], files: dict[Path, Path]) -> list[Problem]:
    sizes, problems = image_sizes(sorted(set(files.values())))
    wrong = {
        image.path: image.size for image in images
        if image.path in files and sizes.get(files[image.path], image.size) != image.size
    }  # fmt: skip
    if not wrong:
        return problems
    path, size = min(wrong.items())
    return [
        *problems,
        problem(
            "masks_of_other_size",
            "{count} masks differ in size from their images; for example, {mask} is {found} instead of {expected}. "
            "Save them in the images' sizes.",
            count=len(wrong), mask=str(files[path]), found="{}x{}".format(*sizes[files[path]]),
            expected="{}x{}".format(*size),
        ),
    ]
