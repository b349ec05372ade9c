"""Datasets of the studio: which folders of pictures belong to one, and what a person has set for it as a whole."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from train_core.config.existing import is_dir, is_file
from train_core.config.places import datasets_dir, home, real_path
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import text_of
from train_core.config.whole_files import write_text
from train_core.facts.images.image_files import ImageHeader
from train_core.studio.boxes import is_box_name
from train_core.studio.looking import headers, must_be_narrow, no_pictures, picture_files

FILE = "studio.json"
TRASH = "trash"  # below the home
VERSION = 1
ID = re.compile(r"[0-9a-f]{12}")
_MAKING = Lock()  # else two windows that open a folder for the first time would make two datasets of it
LONGEST_NAME, MOST_SHOTS, LARGEST_TARGET = 100, 12, 10_000
MOST_BOX_KINDS = 20


@dataclass(frozen=True)
class Shot:
    """A kind of picture, and how many of it are wanted."""

    name: str
    target: int


# The tutorials' six kinds, five of each: 30 pictures of a character.
SHOTS = tuple(Shot(name, 5) for name in ("close-up", "portrait", "upper body", "cowboy shot", "full body", "poses"))


Use = Literal["train", "reg"]


@dataclass(frozen=True)
class BoxKind:
    """A kind of box: what its parts are for, with which repeats (0: as many as fit their number), in which folder."""

    name: str
    repeats: int = 0
    use: Use = "train"
    folder: str = ""  # the words of the folder's name; "" is the name


# What people cut out of one picture: `body` is usually drawn without the face.
BOXES = tuple(BoxKind(name) for name in ("face", "clothes", "shoes", "body", "whole"))


@dataclass(frozen=True)
class Dataset:
    """A set of pictures: all below its `sources`. Its `folder` holds this description, the journal and backups."""

    folder: Path
    name: str
    sources: tuple[Path, ...]
    shots: tuple[Shot, ...] = SHOTS
    boxes: tuple[BoxKind, ...] = BOXES

    @property
    def id(self) -> str:
        return self.folder.name


def dataset_of(source: Path) -> Dataset:
    """The dataset of a folder of pictures: the one that is there already, or a new one.

    Raises UserError if there is no such folder, or nothing can be written.
    """
    return made(proposed(source))


def proposed(source: Path) -> Dataset:
    """The same, a new one not written yet. Raises UserError for no folder, and for one that holds far too much."""
    must_be_there(source)
    place = real_path(source)
    must_be_narrow(place)
    new = Dataset(datasets_dir() / uuid.uuid4().hex[:12], place.name or str(place), (place,))
    return _known(place) or new


def made(dataset: Dataset) -> Dataset:
    """A proposed dataset, now written; the one that somebody else has made meanwhile. Raises UserError."""
    with _MAKING:
        known = read(dataset.folder) or _known(dataset.sources[0])
        if known is not None:
            return known
        write(dataset)
        return dataset


def _known(place: Path) -> Dataset | None:
    """The dataset of this folder alone, else one that was begun with it."""
    there = datasets()
    alone = [one for one in there if one.sources == (place,)]
    return next(iter([*alone, *(one for one in there if one.sources[0] == place)]), None)


def sources_of(folder: Path) -> tuple[Path, ...]:
    """The folders of the dataset that was begun with `folder`; without one, it alone."""
    known = _known(real_path(folder))
    return (folder, *(known.sources[1:] if known is not None else ()))


def pictures_in(folder: Path) -> tuple[list[Path], dict[Path, ImageHeader]]:
    """The picture files of the dataset that was begun with `folder`, and the headers of those that are readable.

    Raises UserError if none is.
    """
    paths = picture_files(sources_of(folder)) if is_dir(folder) else []
    heads = headers(paths)
    if not heads:
        raise no_pictures(str(folder))
    return paths, heads


def with_source(dataset: Dataset, source: Path) -> Dataset:
    """The dataset with one more folder, written. Raises UserError for none, and for one that is in it already."""
    must_be_there(source)
    place = real_path(source)
    must_be_narrow(place)
    if place in dataset.sources:
        raise UserError(
            problem("studio_source_part", "{path} is part of this dataset already.", path=str(place))
        )
    there = next((one for one in dataset.sources if place.is_relative_to(one) or one.is_relative_to(place)), None)
    if there is not None:
        raise UserError(
            problem(
                "studio_source_there",
                "{path} and {other}, which is part of this dataset, lie within each other. Choose "
                "another folder.", path=str(place), other=str(there),
            )
        )  # fmt: skip
    return _written(dataset, sources=(*dataset.sources, place))


def without_source(dataset: Dataset, source: Path) -> Dataset:
    """The dataset without a folder that was added, written; the one that it was begun with stays."""
    return _written(dataset, sources=(dataset.sources[0], *(one for one in dataset.sources[1:] if one != source)))


def forget(dataset: Dataset) -> Path:
    """Take a dataset from the list: what was decided goes to a dated folder below the home, which is returned.

    Pictures and captions stay as they are. Raises UserError where that cannot be done.
    """
    place = home() / TRASH / f"{datetime.now():%Y-%m-%d %H%M%S} {dataset.id}"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        dataset.folder.rename(place)
    except OSError as error:
        raise not_written(dataset.folder, error) from error
    return place


def must_be_there(source: Path) -> None:
    """Raise UserError if there is no such folder."""
    if not is_dir(source):
        raise UserError(
            problem(
                "studio_no_folder",
                "There is no folder {path}. Choose a folder of pictures; everything below it is shown.",
                path=str(source),
            )
        )


def datasets() -> list[Dataset]:
    """All datasets of this home, that which was changed last first; descriptions that cannot be read are left out."""
    try:
        folders = [folder for folder in datasets_dir().iterdir() if ID.fullmatch(folder.name)]
    except OSError:
        return []
    found = [one for folder in folders if (one := read(folder)) is not None]
    return sorted(found, key=lambda one: changed(one).timestamp(), reverse=True)


def find_dataset(id: str) -> Dataset:
    """The dataset with this id. Raises UserError if it is gone."""
    found = read(datasets_dir() / id) if ID.fullmatch(id) else None
    if found is None:
        raise UserError(
            problem("studio_gone", "This dataset is no longer known. Open its folder again on the Data tab.")
        )
    return found


def changed(dataset: Dataset) -> datetime:
    """When something was last decided in the dataset."""
    files = [dataset.folder / "journal.jsonl", dataset.folder / FILE]
    return datetime.fromtimestamp(max((file.stat().st_mtime for file in files if file.exists()), default=0))


def with_shots(dataset: Dataset, shots: Sequence[Shot]) -> Dataset:
    """The dataset with other kinds of pictures, written. Raises UserError for names that are none or alike."""
    names = [shot.name for shot in shots]
    right = 0 < len(shots) <= MOST_SHOTS and len({*names}) == len(names)
    if not right or not all(0 < len(name) <= LONGEST_NAME and name == name.strip() for name in names):
        raise UserError(
            problem(
                "studio_shots", "The kinds of pictures need up to {most} names, each of them only once.",
                most=MOST_SHOTS,
            )
        )  # fmt: skip
    return _written(dataset, shots=tuple(shots))


def with_box_kinds(dataset: Dataset, kinds: Sequence[BoxKind]) -> Dataset:
    """The dataset with other kinds of boxes, written. Raises UserError for names that are none or alike."""
    names = [kind.name.lower() for kind in kinds]
    right = 0 < len(kinds) <= MOST_BOX_KINDS and len({*names}) == len(names)
    if not right or not all(is_box_name(kind.name) and 0 <= kind.repeats <= LARGEST_TARGET for kind in kinds):
        raise UserError(
            problem(
                "studio_box_kinds", "The kinds of boxes need up to {most} names, each of them only once.",
                most=MOST_BOX_KINDS,
            )
        )  # fmt: skip
    return _written(dataset, boxes=tuple(kinds))


def box_kinds(given: Any) -> tuple[BoxKind, ...]:
    """The kinds of boxes in whatever a page or a file says."""
    rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    return tuple(
        BoxKind(
            row["name"][:LONGEST_NAME], row["repeats"] if type(row.get("repeats")) is int else 0,
            "reg" if row.get("use") == "reg" else "train",
            row["folder"][:LONGEST_NAME] if isinstance(row.get("folder"), str) else "",
        )
        for row in rows if isinstance(row.get("name"), str)
    )  # fmt: skip


def _written(dataset: Dataset, **changes: Any) -> Dataset:
    changed = replace(dataset, **changes)
    write(changed)
    return changed


def write(dataset: Dataset) -> None:
    """Write the description. Raises UserError where that cannot be done."""
    said = {
        "version": VERSION, "name": dataset.name, "sources": [str(path) for path in dataset.sources],
        "shots": [asdict(shot) for shot in dataset.shots], "boxes": [asdict(kind) for kind in dataset.boxes],
    }  # fmt: skip
    try:
        write_text(dataset.folder / FILE, json.dumps(said, indent=1) + "\n")
    except OSError as error:
        raise not_written(dataset.folder, error) from error


def not_written(folder: Path, error: OSError) -> UserError:
    """The error if a dataset's folder cannot be written to."""
    return UserError(
        problem(
            "studio_not_written",
            "Nothing can be written to {folder} ({reason}), where the decisions about these pictures are kept. Free "
            "some space there, or set CRUCIBLE_HOME to another folder.",
            folder=str(folder), reason=cause_of(error),
        )
    )


def read(folder: Path) -> Dataset | None:
    """The dataset in `folder`; None if there is none that can be read."""
    if not is_file(folder / FILE):
        return None
    try:
        said = json.loads(text_of(folder / FILE))  # paths may hold halves of characters, which json_of would replace
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    sources = [Path(one) for one in _texts(said.get("sources"))]
    if not sources or not all(path.is_absolute() for path in sources):
        return None
    shots = _shots(said.get("shots"))
    kinds = tuple(kind for kind in box_kinds(said.get("boxes")) if is_box_name(kind.name) and kind.repeats >= 0)
    name = said.get("name")
    return Dataset(
        folder, name if isinstance(name, str) and name else sources[0].name, tuple(sources), shots or SHOTS,
        kinds[:MOST_BOX_KINDS] or BOXES,
    )  # fmt: skip


def _texts(given: Any) -> list[str]:
    return [one for one in given if isinstance(one, str) and one] if isinstance(given, list) else []


def _shots(given: Any) -> tuple[Shot, ...]:
    rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    found = {
        str(row["name"]): Shot(str(row["name"])[:LONGEST_NAME], min(max(row["target"], 0), LARGEST_TARGET))
        for row in rows if isinstance(row.get("name"), str) and row["name"] and type(row.get("target")) is int
    }  # fmt: skip
    return tuple(found.values())[:MOST_SHOTS]
