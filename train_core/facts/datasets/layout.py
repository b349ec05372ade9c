"""The layout of image folders below the chosen one, and the usual ways to choose the wrong one."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from train_core.config.existing import exists, is_dir, is_out_of_reach
from train_core.config.problems import Problem, problem
from train_core.facts.images.image_files import is_image

_REGULARISATION = re.compile(r"reg([-_ ].*)?|regulari[sz]ation([-_ ].*)?|class[-_ ]images", re.IGNORECASE)
_NAMED = re.compile(r"(\d+)_(.*)", re.DOTALL)
_NUMBER_IN_FRONT = re.compile(r"\s*(\d{1,3})(?=[\s\-–—_＿.·:：])[\s\-–—_＿.·:：]+(.*)", re.DOTALL)
_DEPTH = 3  # levels below the chosen folder that are searched for misplaced images
_MOST_FOLDERS = 2000  # someone may choose a whole drive
_MOST_NAMED = 8  # folders, in a message
_OTHER_FORMATS = frozenset({".heic", ".heif", ".jxl", ".gif", ".tif", ".tiff", ".psd", ".raw", ".cr2", ".nef", ".dng"})

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class NamedFolder:
    """A folder whose name says how often its images are repeated and what they show."""

    path: Path
    repeats: int
    class_tokens: str


def image_folders(parent: Path) -> list[NamedFolder]:
    """The direct sub-folders of `parent` named `<repeats>_<class tokens>`, sorted by name."""
    return [named for folder in folders_in(parent) if (named := _named(folder)) is not None]


def with_repeats(name: str) -> str:
    """The name that a folder called `name` should have: with the number that it begins with, as far as that may be
    repeats, else with 10."""
    found = _NUMBER_IN_FRONT.fullmatch(name)
    if found and found[2].strip():
        return f"{max(1, int(found[1]))}_{found[2].strip()}"
    return f"10_{name.strip()}"


def class_tokens(folder: Path) -> str:
    """Class tokens in the name of `folder`: the subject of its images."""
    named = _named(folder)
    return named.class_tokens if named else folder.name


def plain_folders(parent: Path) -> list[Path]:
    """The folders whose images are used when names need no number: `parent` and its direct sub-folders, sorted.

    Those with a number are not among them, nor is one whose name says that it holds regularisation images.
    """
    return [
        folder
        for folder in (parent, *folders_in(parent))
        if _named(folder) is None and not looks_like_regularisation(folder) and images_in(folder)
    ]


def looks_like_regularisation(folder: Path) -> bool:
    """Whether the name is usual for regularisation images: reg, regularisation, reg_woman, ..."""
    return bool(_REGULARISATION.fullmatch(folder.name))


def regularisation_near(parent: Path) -> Path | None:
    """A folder of regularisation images in `parent` or beside it, judging by name and contents; else None."""
    for near in (*folders_in(parent), *folders_in(parent.parent)):
        if near != parent and looks_like_regularisation(near) and _images_within(near):
            return near
    return None


def _images_within(folder: Path) -> bool:
    return bool(images_in(folder)) or any(images_in(below) for below in folders_in(folder))


def images_in(folder: Path) -> list[Path]:
    """The images directly in `folder`, sorted by name."""
    return [path for path in _listing(folder) if is_image(path) and path.is_file()]


def problems(parent: Path, plain: bool = False) -> list[Problem]:
    """Reasons why `parent` cannot be trained on: missing, the wrong level, or empty. None when it can.

    With `plain`, folders without numbers count too.
    """
    if is_out_of_reach(parent) or (is_dir(parent) and not os.access(parent, os.R_OK)):
        return [_not_readable(parent)]
    if not is_dir(parent):
        return [_no_folder(parent)]
    if (plain and plain_folders(parent)) or any(folder.repeats > 0 for folder in image_folders(parent)):
        return []
    own = images_in(parent)
    if not own:
        return [_misplaced(parent)]
    if _named(parent):
        return [_is_child(parent, len(own))]
    return [_no_class(parent, len(own)) if plain else _images_in_parent(parent, len(own))]


def warnings(parent: Path) -> list[Problem]:
    """Warnings for contents of `parent` that will not be used."""
    found = []
    own = images_in(parent)
    if own:
        found.append(
            problem(
                "images_beside_folders",
                "{count} images directly in {folder} are not used. Move them into a sub-folder named like 10_name.",
                count=len(own),
                folder=str(parent),
            )
        )
    found += [
        problem(
            "folder_without_repeats",
            "{folder} is not used, because its name does not begin with a number of repeats. Rename it to {better} to "
            "train on its {count} images, or turn on class_folders to use folders without numbers.",
            folder=str(folder),
            better=with_repeats(folder.name),
            count=len(images_in(folder)),
        )
        for folder in plain_folders(parent)
        if folder != parent
    ]
    return found


def folders_in(folder: Path) -> list[Path]:
    """The direct sub-folders of `folder` that are not hidden, sorted by name."""
    return [path for path in _listing(folder) if path.is_dir() and not path.name.startswith(".")]


def other_formats(folder: Path) -> list[Problem]:
    """A warning when `folder` holds pictures in formats that are not read."""
    others = [path for path in _listing(folder) if path.suffix.lower() in _OTHER_FORMATS]
    if not others:
        return []
    return [
        problem(
            "images_in_other_formats",
            "{count} files in {folder} are not used, for example {example}: only png, jpg, webp, bmp and avif are "
            "read. Convert them to use them.",
            count=len(others),
            folder=str(folder),
            example=others[0].name,
        )
    ]


def nothing_in(folder: Path) -> Problem:
    """The problem of an image folder without images: its images lie deeper, or there are none."""
    deeper = next((below for below in _below(folder, _DEPTH) if images_in(below)), None)
    if deeper is not None:
        return problem(
            "images_too_deep",
            "{folder} has no images directly in it; they are in {deeper}. Deeper folders are not searched: move the "
            "images up into {folder}.",
            folder=str(folder),
            deeper=str(deeper),
        )
    return problem(
        "image_folder_empty",
        "{folder} has no images (png, jpg, webp, bmp, avif). Put images into it, or remove the folder.",
        folder=str(folder),
    )


def _named(folder: Path) -> NamedFolder | None:
    match = _NAMED.fullmatch(folder.name)
    return NamedFolder(folder, int(match[1]), match[2].strip()) if match else None


def _listing(folder: Path) -> list[Path]:
    """Contents of `folder`, sorted by name; nothing if there is none, or the system denies access."""
    if not is_dir(folder):
        return []
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        logger.warning("%s cannot be listed: %s", folder, error)
        return []


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders below `folder`, nearer ones first."""
    level = [folder]
    for _ in range(depth):
        level = [below for above in level for below in folders_in(above)]
        yield from level


def _no_folder(parent: Path) -> Problem:
    if exists(parent):
        return problem(
            "image_folder_is_file",
            "The image folder {folder} is a file. Choose the folder that contains your image folders.",
            folder=str(parent),
        )
    return problem(
        "image_folder_missing",
        "The image folder {folder} does not exist. Check the path for typing errors, and that its drive is connected.",
        folder=str(parent),
    )


def _not_readable(parent: Path) -> Problem:
    return problem(
        "image_folder_not_readable",
        "You do not have permission to read the image folder {folder}. Change its permissions, or choose another one.",
        folder=str(parent),
    )


def _is_child(parent: Path, count: int) -> Problem:
    return problem(
        "image_folder_is_child",
        "{folder} is an image folder itself ({count} images). Choose the folder above it: {above}",
        folder=str(parent),
        count=count,
        above=str(parent.parent),
    )


def _images_in_parent(parent: Path, count: int) -> Problem:
    return problem(
        "images_in_parent",
        "{folder} has {count} images directly in it. They belong in a sub-folder whose name gives their repeats and "
        "what they show: make {example} and move the images into it. Or turn on class_folders: dataset_repeats then "
        "sets the repeats, and images without a caption use the folder's name.",
        folder=str(parent),
        count=count,
        example=str(parent / "10_name"),
    )


def _no_class(parent: Path, count: int) -> Problem:
    return problem(
        "images_without_class",
        "{folder} has {count} images directly in it, and its name does not say what they show. Make a sub-folder named "
        "after their class, for example {example}, and move them there.",
        folder=str(parent),
        count=count,
        example=str(parent / "1_dog"),
    )


def _misplaced(parent: Path) -> Problem:
    below = list(islice(_below(parent, _DEPTH), _MOST_FOLDERS))
    candidates = [folder.parent for folder in below if folder.parent != parent and _named(folder)]
    # Beside the images there is often a folder of regularisation images, built alike.
    deeper = min(candidates, key=looks_like_regularisation, default=None)
    several = sorted({str(one.relative_to(parent)) for one in candidates if not looks_like_regularisation(one)})
    if len(several) > 1:
        return problem(
            "image_folders_too_high",
            "{folder} has no folder named <repeats>_<name>, but several folders in it do: {names}. Choose one of them.",
            folder=str(parent), names=", ".join(several[:_MOST_NAMED]), deeper=str(deeper),
        )
    if deeper is not None:
        return problem(
            "image_folder_too_high",
            "{folder} has no folder named <repeats>_<name>, but {deeper} does. Choose {deeper}",
            folder=str(parent),
            deeper=str(deeper),
        )
    unnumbered = [folder for folder in below if images_in(folder) and not looks_like_regularisation(folder)]
    switched_off = [folder for folder in unnumbered if _named(folder)]
    if switched_off and switched_off == unnumbered:
        return problem(
            "only_folders_without_repeats",
            "The repeats of all image folders in {folder} are 0. Rename for example {example} to {better} to train on "
            "it.",
            folder=str(parent), example=switched_off[0].name, better=with_repeats(switched_off[0].name),
        )
    if unnumbered:
        example = next(folder for folder in unnumbered if folder not in switched_off)
        return problem(
            "no_folder_with_number",
            "{folder} has no folder named <repeats>_<name>. Found {names}: rename for example {example} to {better}, "
            "or turn on class_folders to use folders without numbers.",
            folder=str(parent),
            names=", ".join(str(folder.relative_to(parent)) for folder in unnumbered[:5]),
            example=example.name, better=with_repeats(example.name),
        )
    return problem(
        "no_images_found",
        "{folder} has no images. Make a sub-folder in it named like 10_name (10 repeats of what the name describes) "
        "and put png, jpg, webp, bmp or avif images there.",
        folder=str(parent),
    )
