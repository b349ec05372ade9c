"""The training that has saved the files of a grid, and what each had lost by then."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kohya_gui.i18n.messages import text
from kohya_gui.runs.details.epochs import Row, rows_of
from kohya_gui.runs.details.files import RunFile, files_of
from kohya_gui.runs.details.record import record_of
from kohya_gui.runs.details.sending import results_of
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import RunInfo
from kohya_gui.server.evaluate.grids import Grid
from train_core.facts.prompts.network_files import NETWORK_ENDINGS

OF_FILES = "file"  # the kind of axis


def file_name(name: str) -> str:
    """The file that prompts call `name`."""
    return name if name.endswith(NETWORK_ENDINGS) else f"{name}.safetensors"


def saved_by(names: Collection[str]) -> tuple[RunInfo, dict[str, RunFile]] | None:
    """The newest training that has saved files with some of these names, and those of them that are still there."""
    for info in list_runs():
        files = {one.name: one for one in results_of(info.folder) if one.name in names}
        if files:
            return info, files
    return None


def notes_of(grid: Grid, language: str) -> dict[int, list[dict[str, str]]]:
    """What stands beside each label of an axis of files: losses in training and validation, by the axis' number."""
    compared = _compared(grid)
    found = saved_by({name for names in compared.values() for name in names}) if compared else None
    if found is None:
        return {}
    record = record_of(found[0].folder)
    rows = {file.name: row for row in rows_of(record, files_of(found[0].folder, record)) for file in row.files}
    return {axis: [_note(rows.get(name), language) for name in names] for axis, names in compared.items()}


def _compared(grid: Grid) -> dict[int, list[str]]:
    """The file behind each label of the axes of files; "" where none is."""
    axes, stride = grid.facts.axes, len(grid.facts.cells)
    found: dict[int, list[str]] = {}
    for number, axis in enumerate(axes):
        stride //= len(axis.labels)
        if axis.kind != OF_FILES:
            continue
        names = found[number] = [""] * len(axis.labels)
        for place, picture in enumerate(grid.facts.cells):
            if (compared := grid.facts.pictures[picture].compared) is not None:
                names[place // stride % len(names)] = file_name(compared.name)
    return found


def _note(row: Row | None, language: str) -> dict[str, str]:
    """Losses in short, and in words; both empty where the training has not told."""
    losses: Mapping[str, float | None] = {} if row is None else {"trained": row.loss, "validation": row.validation}
    known = {name: f"{loss:.4f}" for name, loss in losses.items() if loss is not None}
    words = [text(f"ui.evaluate.loss_{name}", language, loss=loss) for name, loss in known.items()]
    return {"short": " · ".join(known.values()), "long": "\n".join(words)}
