"""Captions that stand in a metadata file, as sd-scripts or an imagefolder has it, and not beside their pictures."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_core.config.paths import absolute_path
from train_core.config.problems import UserError, problem
from train_core.facts.datasets.metadata_files import caption_of, find_image, records
from train_core.facts.images.image_files import is_image
from train_core.studio.looking import Watch, files_below

NAMES = re.compile(r"meta(?:data|_[\w-]+)?\.jsonl?", re.IGNORECASE)  # what sd-scripts and imagefolders call them
ENDINGS = (".json", ".jsonl")
SEPARATOR = ", "  # between a caption and the tags of the same picture


@dataclass(frozen=True)
class Listed:
    """The caption that a file has for a picture."""

    text: str
    file: Path


def metadata_files(sources: Sequence[Path], watch: Watch | None = None) -> list[Path]:
    """The files below `sources` that are called as metadata files are."""
    return sorted({path for path in files_below(sources, watch) if NAMES.fullmatch(path.name)})


def captions_in(files: Iterable[Path], pictures: Mapping[int, Path]) -> dict[int, Listed]:
    """The captions that these files have for pictures, those of the first file that has one. No file is asked for more
    than it has: what is no metadata is passed over.

    A picture is known by its path, from the file's folder on, or by its name where no other has the same.
    """
    whole = {path: id for id, path in pictures.items()}
    bare = {path.with_suffix(""): id for id, path in pictures.items()}  # older files leave the ending out
    counted = Counter(path.name.lower() for path in pictures.values())
    names = {name: id for id, path in pictures.items() if counted[name := path.name.lower()] == 1}
    found: dict[int, Listed] = {}
    for file in files:
        try:
            rows, _ = records(file)
        except UserError:  # it is a file of something else
            continue
        asked = Counter(Path(row.key).name.lower() for row in rows)
        for row in rows:
            path, text = absolute_path(row.key, file.parent), caption_of(row, SEPARATOR)
            id = whole.get(path) if is_image(path) else bare.get(path)
            if id is None and asked[path.name.lower()] == 1:
                id = names.get(path.name.lower())
            if id is not None and text:
                found.setdefault(id, Listed(text, file))
    return found


def folder_of(file: Path) -> Path:
    """The folder with the pictures that a metadata file lists. Raises UserError for a file that is none."""
    rows, problems = records(file)
    there = [path for row in rows if (path := find_image(row.key, file.parent)) is not None]
    if not there:
        raise UserError(
            *problems,
            problem(
                "studio_listed_nowhere",
                "None of the pictures that {file} lists is where it says. Put the file into their "
                "folder, and open that.", file=str(file),
            ),
        )  # fmt: skip
    if any(path.is_relative_to(file.parent) for path in there):
        return file.parent
    return Path(os.path.commonpath([path.parent for path in there]))
