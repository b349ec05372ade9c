"""Where images lie under the chosen folder, and the usual ways to choose the wrong one."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from train_core.config.problems import Problem, problem
from train_core.facts.images import is_image

_NAMED = re.compile(r"(\d+)_(.*)", re.DOTALL)
_DEPTH = 3  # levels below the chosen folder that are searched for misplaced images
_MOST_FOLDERS = 2000  # someone may choose a whole drive
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
    return [named for folder in _sub_folders(parent) if (named := _named(folder)) is not None]


def images_in(folder: Path) -> list[Path]:
    """The images directly in `folder`, sorted by name."""
    return [path for path in _listing(folder) if is_image(path) and path.is_file()]


def problems(parent: Path) -> list[Problem]:
    """Why `parent` cannot be trained on: not there, the wrong level, or nothing in it. Empty when it can."""
    if not parent.is_dir():
        return [_no_folder(parent)]
    if not os.access(parent, os.R_OK):
        return [_not_readable(parent)]
    usable = [folder for folder in image_folders(parent) if folder.repeats > 0]
    if usable:
        return []
    own = images_in(parent)
    if own and _named(parent):
        return [_is_child(parent, len(own))]
    if own:
        return [_images_in_parent(parent, len(own))]
    return [_misplaced(parent)]


def warnings(parent: Path) -> list[Problem]:
    """What lies in `parent` and will not be used."""
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
            "{folder} is not used, because its name does not begin with a number of repeats. Rename it to 10_{name} "
            "to train on its {count} images.",
            folder=str(folder),
            name=folder.name,
            count=len(images_in(folder)),
        )
        for folder in _sub_folders(parent)
        if _named(folder) is None and images_in(folder)
    ]
    return found


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
            "{folder} holds no images itself; they lie in {deeper}. Sub-folders are not searched: move the images up "
            "into {folder}.",
            folder=str(folder),
            deeper=str(deeper),
        )
    return problem(
        "image_folder_empty",
        "{folder} holds no images (png, jpg, webp, bmp, avif). Put images into it, or remove the folder.",
        folder=str(folder),
    )


def _named(folder: Path) -> NamedFolder | None:
    match = _NAMED.fullmatch(folder.name)
    return NamedFolder(folder, int(match[1]), match[2].strip()) if match else None


def _sub_folders(folder: Path) -> list[Path]:
    return [path for path in _listing(folder) if path.is_dir() and not path.name.startswith(".")]


def _listing(folder: Path) -> list[Path]:
    """What lies in `folder`, sorted by name; nothing if the system does not let us look."""
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        logger.warning("%s cannot be listed: %s", folder, error)
        return []


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Folders below `folder`, nearer ones first."""
    level = [folder]
    for _ in range(depth):
        level = [below for above in level for below in _sub_folders(above)]
        yield from level


def _no_folder(parent: Path) -> Problem:
    if parent.exists():
        return problem(
            "image_folder_is_file",
            "The image folder {folder} is a file. Choose the folder that holds your image folders.",
            folder=str(parent),
        )
    return problem(
        "image_folder_missing",
        "The image folder {folder} does not exist. Check the path for typing errors and missing drives.",
        folder=str(parent),
    )


def _not_readable(parent: Path) -> Problem:
    return problem(
        "image_folder_not_readable",
        "The image folder {folder} may not be read by you. Change its permissions or choose another folder.",
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
        "{folder} holds {count} images itself. They belong into a sub-folder whose name says how often each is "
        "repeated and what they show: make {example} and move the images into it.",
        folder=str(parent),
        count=count,
        example=str(parent / "10_name"),
    )


def _misplaced(parent: Path) -> Problem:
    below = list(islice(_below(parent, _DEPTH), _MOST_FOLDERS))
    deeper = next((folder.parent for folder in below if folder.parent != parent and _named(folder)), None)
    if deeper is not None:
        return problem(
            "image_folder_too_high",
            "{folder} holds no folder named <repeats>_<name>, but {deeper} does. Choose {deeper}",
            folder=str(parent),
            deeper=str(deeper),
        )
    unnumbered = [folder for folder in below if images_in(folder)]
    if unnumbered:
        return problem(
            "no_folder_with_number",
            "{folder} holds no folder named <repeats>_<name>. Found {names}: rename for example {example} to "
            "10_{example}.",
            folder=str(parent),
            names=", ".join(str(folder.relative_to(parent)) for folder in unnumbered[:5]),
            example=unnumbered[0].name,
        )
    return problem(
        "no_images_found",
        "{folder} holds no images. Make a sub-folder in it named like 10_name (10 repeats of what name shows) and put "
        "png, jpg, webp, bmp or avif images into that.",
        folder=str(parent),
    )
