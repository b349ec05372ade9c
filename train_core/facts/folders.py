"""The folder method: a parent folder whose sub-folders `<repeats>_<name>` hold images and captions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from train_core.config import places
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.facts import nesting
from train_core.facts.images import image_size
from train_core.facts.memory import recall


@dataclass(frozen=True)
class ImageFile:
    """One image with its caption file, if any; `size` is (width, height) after EXIF rotation."""

    path: Path
    caption_path: Path | None
    size: tuple[int, int]


@dataclass(frozen=True)
class ImageFolder:
    """One `<repeats>_<class tokens>` folder. `images` are sorted by name."""

    path: Path
    repeats: int
    class_tokens: str
    images: tuple[ImageFile, ...]


@dataclass(frozen=True)
class Survey:
    """All that a look at the parent folder gives: its image folders sorted by name, what is wrong, what is odd."""

    folders: tuple[ImageFolder, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def scan(train_data_dir: Path, caption_extension: str) -> list[ImageFolder]:
    """The image folders under `train_data_dir`. Raises UserError with everything that is wrong with them."""
    survey = look(train_data_dir, caption_extension)
    raise_if_any(survey.problems)
    return list(survey.folders)


def look(train_data_dir: Path, caption_extension: str) -> Survey:
    """The same without raising, so that a page can show what is there beside what is wrong.

    Image sizes come from file headers and are remembered by path, size and time of change.
    """
    wrong = nesting.problems(train_data_dir)
    if wrong:
        return Survey((), tuple(wrong), ())
    named = nesting.image_folders(train_data_dir)
    warnings = nesting.warnings(train_data_dir)
    pictures = {folder.path: nesting.images_in(folder.path) for folder in named if folder.repeats > 0}
    sizes, problems = _sizes([image for images in pictures.values() for image in images])
    folders = []
    for folder in named:
        if folder.repeats == 0:
            warnings.append(_switched_off(folder.path))
            continue
        captions = _Captions(folder.path, caption_extension)
        images = tuple(
            ImageFile(image, captions.of(image), sizes[image]) for image in pictures[folder.path] if image in sizes
        )
        folders.append(ImageFolder(folder.path, folder.repeats, folder.class_tokens, images))
        if not pictures[folder.path]:
            problems.append(nesting.nothing_in(folder.path))
        warnings += [*nesting.other_formats(folder.path), *captions.warnings(images)]
    return Survey(tuple(folders), tuple(problems), tuple(warnings))


def _sizes(images: list[Path]) -> tuple[dict[Path, tuple[int, int]], list[Problem]]:
    """Sizes of the readable images, and a problem for each of the others."""
    problems: dict[Path, tuple[Problem, ...]] = {}

    def find_out(path: Path) -> str | None:
        try:
            return "{}x{}".format(*image_size(path))
        except UserError as error:
            problems[path] = error.problems
            return None

    known = recall(images, "size", find_out, places.caches_dir() / "files.sqlite")
    sizes = {path: _parse_size(value) for path, value in known.items()}
    return sizes, [found for path in images for found in problems.get(path, ())]


def _parse_size(value: str) -> tuple[int, int]:
    width, height = value.split("x")
    return int(width), int(height)


def _switched_off(folder: Path) -> Problem:
    return problem(
        "folder_repeats_zero",
        "{folder} is left out, because its repeats are 0. Begin its name with 1 or more to train on it.",
        folder=str(folder),
    )


class _Captions:
    """The caption files of one folder, found by the images' names."""

    def __init__(self, folder: Path, extension: str) -> None:
        self.folder = folder
        self.extension = extension if extension.startswith(".") else f".{extension}"
        self.files = {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
        self.by_lower_case = {name.lower(): path for name, path in reversed(self.files.items())}

    def of(self, image: Path) -> Path | None:
        """The caption file of `image`; on every system the letter case of its ending does not matter."""
        name = image.stem + self.extension
        return self.files.get(name) or self.by_lower_case.get(name.lower())

    def warnings(self, images: tuple[ImageFile, ...]) -> list[Problem]:
        """A warning when captions are missing, naming another ending if there are captions with one."""
        without = [image for image in images if image.caption_path is None]
        if not without:
            return []
        others = [e for e in (".txt", ".caption") if e != self.extension and self._with_ending(without, e)]
        if others:
            return [
                problem(
                    "captions_with_other_ending",
                    "{folder}: {count} images have no {extension} file but a {other} file. "
                    "Set caption_extension to {other} to use those.",
                    folder=str(self.folder),
                    count=self._with_ending(without, others[0]),
                    extension=self.extension,
                    other=others[0],
                )
            ]
        return [
            problem(
                "captions_missing",
                "{folder}: {count} of {total} images have no {extension} file; their caption is the folder's name, "
                "{class_tokens}.",
                folder=str(self.folder),
                count=len(without),
                total=len(images),
                extension=self.extension,
                class_tokens=re.sub(r"^\d+_", "", self.folder.name),
            )
        ]

    def _with_ending(self, images: list[ImageFile], extension: str) -> int:
        return sum((image.path.stem + extension).lower() in self.by_lower_case for image in images)
