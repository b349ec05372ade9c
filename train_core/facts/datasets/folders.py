"""Folders of images: the images in them with captions and sizes, wherever the list of folders comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train_core.config.problems import Problem, UserError, problem
from train_core.facts.datasets import layout
from train_core.facts.datasets.layout import NamedFolder
from train_core.facts.file_cache import recall, shared_database
from train_core.facts.images.faces import without_face
from train_core.facts.images.image_files import image_size

MOST_SINGLE = 3  # problems of images that are told one by one


@dataclass(frozen=True)
class ImageFile:
    """One image with its caption file, if any; `size` is (width, height) after EXIF rotation.

    `caption` is the text that a metadata file has for it, None for an image of a folder; `tags` are the part of it that
    counts as tags.
    """

    path: Path
    caption_path: Path | None
    size: tuple[int, int]
    caption: str | None = None
    tags: str | None = None


@dataclass(frozen=True)
class ImageFolder:
    """Images that share repeats and class tokens. `path` is their folder, or the metadata file that lists them.

    The images of a folder are sorted by name, those of a metadata file keep its order.
    """

    path: Path
    repeats: int
    class_tokens: str
    images: tuple[ImageFile, ...]


@dataclass(frozen=True)
class Survey:
    """Result of looking at image folders: the folders sorted by name, what is wrong, what is odd."""

    folders: tuple[ImageFolder, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def look(parent: Path, caption_extension: str, plain_repeats: int = 0, is_reg: bool = False) -> Survey:
    """The image folders in `parent` without raising, so that a page can show what is there beside what is wrong.

    With `plain_repeats` folders without numbers are used too, with that many repeats.
    """
    wrong = layout.problems(parent, plain=plain_repeats > 0)
    if wrong:
        return Survey((), tuple(wrong), ())
    named = layout.image_folders(parent)
    warnings = [_switched_off(folder.path) for folder in named if folder.repeats == 0]
    used = [folder for folder in named if folder.repeats > 0]
    if plain_repeats:
        used += [NamedFolder(folder, plain_repeats, folder.name) for folder in layout.plain_folders(parent)]
    else:
        warnings += layout.warnings(parent)
    survey = read_folders(sorted(used, key=lambda folder: folder.path.name), caption_extension, is_reg)
    return Survey(survey.folders, survey.problems, (*warnings, *survey.warnings))


def read_folders(named: Sequence[NamedFolder], caption_extension: str, is_reg: bool = False) -> Survey:
    """The images of folders whose repeats and class tokens are known. Regularisation images need no captions.

    Image sizes come from file headers and are remembered by path, size and time of change.
    """
    pictures = {folder.path: layout.images_in(folder.path) for folder in named}
    sizes, problems = image_sizes([image for images in pictures.values() for image in images])
    warnings: list[Problem] = []
    folders = []
    for folder in named:
        if not pictures[folder.path]:
            problems.append(layout.nothing_in(folder.path))
            continue
        captions = _Captions(folder, caption_extension)
        images = tuple(
            ImageFile(image, captions.of(image), sizes[image]) for image in pictures[folder.path] if image in sizes
        )
        folders.append(ImageFolder(folder.path, folder.repeats, folder.class_tokens, images))
        warnings += [*layout.other_formats(folder.path), *captions.warnings(images, is_reg)]
    return Survey(tuple(folders), tuple(problems), tuple(warnings))


def image_sizes(images: Sequence[Path]) -> tuple[dict[Path, tuple[int, int]], list[Problem]]:
    """Sizes of the readable images, and a problem for each of the others."""
    problems: dict[Path, tuple[Problem, ...]] = {}

    def find_out(path: Path) -> str | None:
        try:
            return "{}x{}".format(*image_size(path))
        except UserError as error:
            problems[path] = error.problems
            return None

    known = recall(images, "size", find_out, shared_database())
    sizes = {path: _parse_size(value) for path, value in known.items()}
    return sizes, _told_together([found for path in images for found in problems.get(path, ())])


def _told_together(problems: list[Problem]) -> list[Problem]:
    """`problems` of single images, or one of all of them where they are many."""
    if len(problems) <= MOST_SINGLE:
        return problems
    return [
        problem(
            "images_unreadable",
            "{count} images cannot be read, for example {path}: {reason}. Open them in an image editor and save them "
            "again, or remove them.",
            count=len(problems), path=problems[0].params["path"], reason=problems[0].params["reason"],
        )
    ]


def _parse_size(value: str) -> tuple[int, int]:
    width, height = value.split("x")
    return int(width), int(height)


def _switched_off(folder: Path) -> Problem:
    return problem(
        "folder_repeats_zero",
        "{folder} is skipped, because its repeats are 0. Rename it to {better} to train on it.",
        folder=str(folder), better=layout.with_repeats(folder.name),
    )


class _Captions:
    """The caption files of one folder, found by the images' names."""

    def __init__(self, folder: NamedFolder, extension: str) -> None:
        self.folder = folder
        self.extension = extension if extension.startswith(".") else f".{extension}"
        self.files = {path.name: path for path in sorted(folder.path.iterdir()) if path.is_file()}
        self.by_lower_case = {name.lower(): path for name, path in reversed(self.files.items())}

    def of(self, image: Path) -> Path | None:
        """The caption file of `image`; on every system the letter case of its ending does not matter."""
        return self._named(image.stem) or self._named(without_face(image.stem))

    def _named(self, stem: str) -> Path | None:
        name = stem + self.extension
        return self.files.get(name) or self.by_lower_case.get(name.lower())

    def warnings(self, images: tuple[ImageFile, ...], may_lack: bool) -> list[Problem]:
        """A warning when captions are missing, naming another ending if there are captions with one."""
        without = [image for image in images if image.caption_path is None]
        others = [e for e in (".txt", ".caption") if e != self.extension and self._with_ending(without, e)]
        if others:
            return [self._other_ending(self._with_ending(without, others[0]), others[0])]
        doubled = {image.path: name for image in without if (name := self._doubled(image.path))}
        found = [self._with_doubled_ending(doubled)] if doubled else []
        left = len(without) - len(doubled)
        if not left or (may_lack and self.folder.class_tokens):
            return found
        return [*found, self._missing(left, len(images))]

    def _doubled(self, image: Path) -> str | None:
        """The file that was meant as the caption of `image`, whose ending Windows' Explorer hides when it is named."""
        names = (image.stem + 2 * self.extension, image.name + self.extension)
        return next((path.name for name in names if (path := self.by_lower_case.get(name.lower()))), None)

    def _with_doubled_ending(self, doubled: dict[Path, str]) -> Problem:
        image, name = next(iter(doubled.items()))
        return problem(
            "captions_with_doubled_ending",
            "{folder}: the captions of {count} images have one ending too many, for example {example}. Rename it to "
            "{better}; it is not used as it is.",
            folder=str(self.folder.path), count=len(doubled), example=name, better=image.stem + self.extension,
        )

    def _other_ending(self, count: int, other: str) -> Problem:
        return problem(
            "captions_with_other_ending",
            "{folder}: {count} images have no {extension} file, but they do have a {other} file. Set caption_extension "
            "to {other} to use these.",
            folder=str(self.folder.path),
            count=count,
            extension=self.extension,
            other=other,
        )

    def _missing(self, count: int, total: int) -> Problem:
        if not self.folder.class_tokens:
            return problem(
                "captions_missing_altogether",
                "{folder}: {count} of {total} images have no {extension} file and no class_tokens; they are trained "
                "without a caption.",
                folder=str(self.folder.path),
                count=count,
                total=total,
                extension=self.extension,
            )
        return problem(
            "captions_missing",
            "{folder}: {count} of {total} images have no {extension} file; their caption is the folder's name, "
            "{class_tokens}.",
            folder=str(self.folder.path),
            count=count,
            total=total,
            extension=self.extension,
            class_tokens=self.folder.class_tokens,
        )

    def _with_ending(self, images: list[ImageFile], extension: str) -> int:
        return sum((image.path.stem + extension).lower() in self.by_lower_case for image in images)
