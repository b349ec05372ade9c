"""A dataset file as a table: one row for each folder, and what else a file says that a table cannot show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from train_core.config import whole_files
from train_core.config.existing import is_dir, is_out_of_reach
from train_core.config.file_names import refused_name
from train_core.config.image_settings import DataSettings
from train_core.config.paths import absolute_path
from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.config.tables import dump_tables, read_tables
from train_core.facts.datasets.dataset_files import Description, read_dataset_file
from train_core.facts.datasets.folders import ImageFolder, look, read_folders
from train_core.facts.datasets.layout import NamedFolder
from train_core.facts.datasets.regularisation import concept_of
from train_core.facts.datasets.subsets import Subset, matched

_SHOWN = {
    "general": {"resolution", "num_repeats", "class_tokens"},
    "dataset": {"resolution", "num_repeats", "class_tokens", "subsets"},
    "subset": {"image_dir", "num_repeats", "class_tokens", "is_reg"},
}
_SIZE = re.compile(r"\s*(\d{2,5})\s*(?:[,x×]\s*(\d{2,5})\s*)?")
MOST_REPEATS = 10000
LONGEST_NAME = 80  # letters of a file's name


@dataclass(frozen=True)
class Row:
    """A folder of images. `words` are the caption of images that have none; `resolution` "" is that of the run."""

    folder: str
    repeats: int = 1
    words: str = ""
    is_reg: bool = False
    resolution: str = ""


@dataclass(frozen=True)
class Table:
    """The rows, and what they do not show of where they come from, in words."""

    rows: tuple[Row, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class Counted:
    """A row's `images`, and how many `samples` an epoch sees of them."""

    images: int
    samples: int


def table_of_file(path: Path, base: DataSettings) -> Table:
    """The rows of a dataset file, whose settings not given are those of `base`. Raises `UserError` for a wrong one."""
    described = read_dataset_file(path, base)
    raise_if_any(described.problems)
    tables = read_tables(path)
    datasets = [one for one in tables.get("datasets") or [] if isinstance(one, dict)]
    rows = [_row(one, _size_given(tables, datasets[one.dataset])) for one in described.subsets if one.image_dir]
    lists = sum(one.metadata_file is not None for one in described.subsets)
    left: list[str] = [phrase("table_metadata", "{count} metadata files", count=lists)] if lists else []
    return Table(tuple(rows), (*left, *_others(tables, datasets)))


def _row(one: Description, size: str) -> Row:
    return Row(str(one.image_dir), one.repeats, one.class_tokens, one.is_reg, size)


def _size_given(tables: Mapping[str, Any], dataset: Mapping[str, Any]) -> str:
    """The size that the file itself gives a dataset, as it is typed."""
    for table in (dataset, tables.get("general") or {}):
        size = table.get("resolution")
        if size is not None:
            return ",".join(map(str, size)) if isinstance(size, list) else str(size)
    return ""


def _others(tables: Mapping[str, Any], datasets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each key that the table has no column for."""
    subsets = [one for dataset in datasets for one in dataset.get("subsets") or [] if isinstance(one, dict)]
    levels = (("general", [tables.get("general") or {}]), ("dataset", datasets), ("subset", subsets))
    keys = {key for level, found in levels for table in found for key in table.keys() - _SHOWN[level]}
    return sorted(keys)


def table_of_folders(settings: DataSettings) -> Table:
    """The rows that the folder of image folders gives, and that of regularisation images. Raises `UserError`."""
    dataset, extension = settings.dataset, settings.captions.caption_extension
    parent = look(Path(dataset.train_data_dir), extension, dataset.dataset_repeats if dataset.class_folders else 0)
    raise_if_any([one for one in parent.problems if not parent.folders])
    rows = [Row(str(one.path), one.repeats, one.class_tokens) for one in parent.folders]
    if dataset.reg_data_dir.strip():
        regular = look(Path(dataset.reg_data_dir), extension, plain_repeats=1, is_reg=True)
        trained = [row.words for row in rows]
        rows += [
            Row(str(one.path), one.repeats, concept_of(one.class_tokens, trained), is_reg=True)
            for one in regular.folders
        ]
    return Table(tuple(rows))


def checked(rows: Sequence[Row]) -> tuple[Row, ...]:
    """`rows` as they are written: sizes in one form, in the order of their datasets. Raises `UserError`."""
    clean: list[Row] = []
    for number, row in enumerate(rows, 1):
        size = _SIZE.fullmatch(row.resolution) if row.resolution.strip() else None
        if row.resolution.strip() and size is None:
            raise _wrong(number, phrase("table_size", "the resolution is a number such as 512, or 640,960"))
        if not 1 <= row.repeats <= MOST_REPEATS:
            raise _wrong(number, phrase("table_repeats", "repeats are a number from 1 to {most}", most=MOST_REPEATS))
        if not row.folder.strip() or not Path(row.folder).is_absolute():
            raise _wrong(number, phrase("table_folder", "the folder is missing"))
        sides = ",".join(side for side in size.groups() if side) if size else ""
        folder = str(absolute_path(row.folder, Path.cwd()))
        clean.append(Row(folder, row.repeats, row.words.strip(), row.is_reg, sides))
    if not clean:
        raise UserError(problem("table_empty", "The table has no folder. Add one, or drop pictures on the page."))
    order = list(dict.fromkeys(row.resolution for row in clean))
    return tuple(sorted(clean, key=lambda row: order.index(row.resolution)))


def text_of(rows: Sequence[Row]) -> str:
    """`rows`, which are checked, as a dataset file: one dataset for each size."""
    datasets = []
    for size in dict.fromkeys(row.resolution for row in rows):
        subsets = [_subset(row) for row in rows if row.resolution == size]
        datasets.append({**_size(size), "subsets": subsets})
    return dump_tables({"datasets": datasets})


def _size(size: str) -> dict[str, Any]:
    sides = [int(side) for side in size.split(",") if side]
    return {"resolution": sides[0] if len(sides) == 1 else sides} if sides else {}


def _subset(row: Row) -> dict[str, Any]:
    given: dict[str, Any] = {"image_dir": row.folder, "num_repeats": row.repeats}
    given |= {"class_tokens": row.words} if row.words else {}
    return given | ({"is_reg": True} if row.is_reg else {})


def write_table(folder: Path, name: str, rows: Sequence[Row], base: DataSettings) -> Path:
    """Write `rows` to a new dataset file called `name` in `folder`, or find the one that says the same.

    A file that says anything else is never written over. Raises `UserError` for rows that cannot be trained on.
    """
    text = text_of(checked(rows))
    stem = re.sub(r"[^\w -]+", "_", name).strip(" ._")[:LONGEST_NAME] or "images"
    stem = f"{stem}_" if refused_name(stem) else stem
    for number in count(1):
        path = folder / (f"{stem}.toml" if number == 1 else f"{stem}-{number}.toml")
        if path.exists():
            if path.is_file() and path.read_bytes() == text.encode():
                return path
            continue
        _try(path.name, text, base)
        whole_files.write_text(path, text)
        return path
    raise AssertionError  # numbers do not end


def _try(name: str, text: str, base: DataSettings) -> None:
    """Raise `UserError` for what is wrong with a dataset file of this text."""
    with TemporaryDirectory() as place:
        path = Path(place) / name
        whole_files.write_text(path, text)
        raise_if_any(read_dataset_file(path, base).problems)


def _wrong(number: int, reason: Phrase) -> UserError:
    return UserError(problem("table_row", "Row {number} of the table: {reason}.", number=number, reason=reason))


def counted(rows: Sequence[Row], base: DataSettings) -> list[Counted]:
    """What an epoch sees of each row, regularisation images as many as are trained beside them."""
    sizes = list(dict.fromkeys(row.resolution for row in rows))
    subsets = []
    for row in rows:
        named = NamedFolder(Path(row.folder), max(1, row.repeats), row.words)
        there = bool(row.folder) and is_dir(named.path) and not is_out_of_reach(named.path)
        found = read_folders([named], base.captions.caption_extension, row.is_reg).folders if there else ()
        folder = found[0] if found else ImageFolder(named.path, named.repeats, named.class_tokens, ())
        repeats = (named.repeats,) * len(folder.images)
        subsets.append(Subset(folder, base, repeats, row.is_reg, dataset=sizes.index(row.resolution)))
    return [Counted(len(one.folder.images), sum(one.repeats)) for one in matched(tuple(subsets))]
