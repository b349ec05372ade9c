"""The sample pictures of a run as a table of prompts and steps, and the pictures that it learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kohya_gui.runs.details.files import RunFile
from kohya_gui.runs.details.record import PICTURES, Record, epochs_at
from train_core.config.files import read_config
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.facts.datasets.subsets import survey
from train_core.facts.run.run_folders import SETTINGS

MOST_STEPS = 200  # columns; the newest ones are shown
MOST_TRAINING = 200  # pictures offered for comparison


@dataclass(frozen=True)
class Cell:
    """A sample picture, its seed and its place: row of its prompt, column of its step."""

    row: int
    column: int
    name: str
    seed: int


@dataclass(frozen=True)
class Column:
    """A step at which samples were drawn. `file` is the result saved nearest to it, None if there is none yet.

    `file_epoch` is the epoch in which that was saved; like `epoch`, it is 0 where it is not known.
    """

    step: int
    epoch: int
    file: RunFile | None
    file_epoch: int

    @property
    def is_own(self) -> bool:
        """Whether `file` is of this very step, or of its epoch."""
        return self.file is not None and (self.file.step == self.step or 0 < self.epoch == self.file_epoch)


@dataclass(frozen=True)
class Sheet:
    """All sample pictures: a row for each prompt, a column for each step."""

    prompts: tuple[str, ...]
    columns: tuple[Column, ...]
    cells: tuple[Cell, ...]


def sheet_of(record: Record, files: Sequence[RunFile]) -> Sheet:
    """The sheet of a run. Of two pictures for one place, the newer one is shown."""
    samples = [one for one in record.samples if Path(one.path).suffix.lower() in PICTURES]
    steps = sorted({one.step for one in samples})[-MOST_STEPS:]
    column_at = {step: number for number, step in enumerate(steps)}
    rows = sorted({(one.index, one.prompt) for one in samples if one.step in column_at})
    row_of = {row: number for number, row in enumerate(rows)}
    cells: dict[tuple[int, int], Cell] = {}
    for one in samples:
        if one.step in column_at:
            place = (row_of[one.index, one.prompt], column_at[one.step])
            cells[place] = Cell(*place, Path(one.path).name, one.seed)
    epochs = {one.step: one.epoch or 0 for one in samples}
    saved_in = epochs_at(record, {one.step for one in files})
    nearest = {step: nearest_file(files, step) for step in steps}
    columns = tuple(
        Column(step, epochs[step], file, saved_in[file.step] if file else 0) for step, file in nearest.items()
    )
    return Sheet(tuple(prompt for _, prompt in rows), columns, tuple(cells.values()))


def nearest_file(files: Sequence[RunFile], step: int) -> RunFile | None:
    """The result saved nearest to `step`; of the final file and an epoch's at one step, the epoch's."""
    results = [one for one in files if one.is_result]
    return min(results, key=lambda one: (abs(one.step - step), one.kind == "final", one.step), default=None)


def training_pictures(folder: Path) -> Sequence[Path]:
    """Pictures that the run in `folder` learns from, at most `MOST_TRAINING`; none if they are gone."""
    try:
        changed = (folder / SETTINGS).stat().st_mtime_ns
    except OSError:
        return ()
    return _training_pictures(folder, changed)


@lru_cache(maxsize=8)
def _training_pictures(folder: Path, _changed: int) -> Sequence[Path]:
    try:
        config = read_config(folder / SETTINGS, {}).config
    except UserError:  # of another job, or of another version
        return ()
    subsets = survey(DataSettings.of(config)).subsets
    paths = [image.path for one in subsets if not one.is_reg for image in one.folder.images]
    return tuple(paths[:: max(1, -(-len(paths) // MOST_TRAINING))])


def marks_in(sheet: Sheet, marks: Mapping[str, str]) -> dict[str, str]:
    """Those of `marks` that are about a picture of the sheet."""
    names = {cell.name for cell in sheet.cells}
    return {name: mark for name, mark in marks.items() if name in names}
