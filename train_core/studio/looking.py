"""Which pictures a dataset has: the files below its folders, with their sizes and whatever their headers tell."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path

from train_core.config.places import real_path
from train_core.config.problems import Problem, UserError, problem
from train_core.facts.file_cache import recall, shared_database
from train_core.facts.images.image_files import IMAGE_ENDINGS, ImageHeader, image_header

ENDINGS = IMAGE_ENDINGS | {".gif", ".tif", ".tiff"}
KIND = "studio-header-2"  # of fact in the cache of files
DEEPEST = 40  # folders below each other
MOST_NAMED = 3  # files that are no pictures
ALL_OF = attrgetter(*(field.name for field in fields(ImageHeader)))  # which copies nothing, as astuple would

Natural = tuple[tuple[int, int, str], ...]


@dataclass
class Watch:
    """How many files were looked at, for somebody who waits, and whether that is to stop."""

    looked: int = 0
    stopped: bool = False

    def step(self, files: int = 0) -> None:
        """Count files. Raises UserError once this is to stop."""
        self.looked += files
        if self.stopped:
            raise UserError(problem("studio_stopped", "Stopped: the folder was not opened."))


def picture_files(sources: Sequence[Path], watch: Watch | None = None) -> list[Path]:
    """All files below `sources` that are pictures by their names, sorted as people count; links are not followed."""
    found = set()
    for path in files_below(sources, watch):
        if watch is not None:
            watch.step(1)
        if path.suffix.lower() in ENDINGS:
            found.add(path)
    folders: dict[Path, list[Natural]] = {}

    def key(path: Path) -> list[Natural]:
        folder = path.parent
        if folder not in folders:
            folders[folder] = [_natural(part) for part in folder.parts]
        return [*folders[folder], _natural(path.name)]

    return sorted(found, key=key)


def files_below(sources: Sequence[Path], watch: Watch | None = None) -> Iterator[Path]:
    """All files below `sources` that are not hidden, some of them twice where sources overlap."""
    for source in sources:
        yield from _below(source, 0, watch or Watch())


def _below(folder: Path, depth: int, watch: Watch) -> Iterator[Path]:
    watch.step()
    try:
        entries = list(os.scandir(folder))
    except OSError:  # a folder that this account may not look into has nothing to show
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < DEEPEST:
                yield from _below(Path(entry.path), depth + 1, watch)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path)


def names_of(paths: Sequence[Path]) -> str:
    """The names of the first few files, with an ellipsis where there are more."""
    return ", ".join([*(path.name for path in paths[:MOST_NAMED]), *(["…"] if len(paths) > MOST_NAMED else [])])


def no_picture_in(paths: Sequence[Path]) -> Problem:
    """The problem that these files are no pictures."""
    return problem(
        "studio_unreadable", "Files that cannot be read as pictures: {count} ({names}). They are left out.",
        count=len(paths), names=names_of(paths),
    )  # fmt: skip


def headers(paths: Sequence[Path], watch: Watch | None = None) -> dict[Path, ImageHeader]:
    """The headers of the readable pictures, remembered until a file changes."""

    def header(path: Path) -> str | None:
        if watch is not None:
            watch.step()
        return _header(path)

    found = recall(paths, KIND, header, shared_database())
    return {path: ImageHeader(*json.loads(text)) for path, text in found.items()}


def _header(path: Path) -> str | None:
    try:
        return json.dumps(ALL_OF(image_header(path)))
    except UserError:
        return None


def _natural(name: str) -> Natural:
    """A key that sorts names as people do: 2 before 10."""
    return tuple(
        (0, int(part), "") if part.isascii() and part.isdecimal() else (1, 0, part.casefold())
        for part in re.split(r"(\d{1,18})", name)
    )


def name_below(path: Path, folder: Path) -> str:
    """A picture's path as it is told: below `folder`, or as a whole where another of the dataset's folders has it."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def must_be_narrow(place: Path) -> None:
    """Raise UserError for the folder of a whole drive, and for somebody's home folder."""
    if place == Path(place.anchor) or place == real_path(Path.home()):
        raise UserError(
            problem(
                "studio_too_wide",
                "{path} holds far more than a set of pictures: programs, caches and other people's work. Choose a "
                "folder of pictures in it.",
                path=str(place),
            )
        )


def no_pictures(folder: str) -> UserError:
    """The error for a folder in which there is no picture that can be read."""
    return UserError(
        problem("studio_no_pictures", "No pictures were found in {path}. Choose another folder.", path=folder)
    )
