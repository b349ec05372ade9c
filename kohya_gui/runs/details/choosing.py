"""Keeping the file of an epoch that someone likes under a name of its own, and ending the run that it came from."""

from __future__ import annotations

from pathlib import Path

from kohya_gui.runs import control
from kohya_gui.runs.details.copying import copied
from kohya_gui.runs.details.files import files_of
from kohya_gui.runs.details.pictures import nearest_file
from kohya_gui.runs.details.record import sample_named
from kohya_gui.runs.history.notes import Mark, Notes, mark_picture
from kohya_gui.runs.registry import AT_WORK, read_run
from train_core.config.problems import UserError, problem

CHOSEN = "-chosen"  # follows the name of the file, which stays


def mark(folder: Path, picture: str, chosen: str) -> Notes:
    """Mark a sample picture of the run as `good` or `bad`, or take its mark back. Raises `UserError`."""
    if sample_named(folder, picture) is None:
        raise UserError(
            problem(
                "no_such_sample", "{name} is not a sample picture of this run. Load the page again (F5).", name=picture,
            )
        )
    marks: dict[str, Mark] = {"good": "good", "bad": "bad"}
    return mark_picture(folder, picture, marks.get(chosen))


def use_step(folder: Path, step: int) -> Path:
    """Copy the result saved nearest to `step` to a free name beside it, and stop the run if it is at work.

    Returns the copy. Nothing is replaced. Raises `UserError` if no result is left, or if it cannot be copied.
    """
    found = nearest_file(files_of(folder), step)
    if found is None:
        raise UserError(
            problem(
                "no_file_of_step",
                "No file of this run is left to use. “Save now” saves one while it runs; “save every n epochs” saves "
                "more of them.",
            )
        )
    ending = found.path.suffix
    copy = copied(found.path, found.path.with_name(f"{found.path.name.removesuffix(ending)}{CHOSEN}{ending}"))
    info = read_run(folder)
    if info is not None and info.status in AT_WORK:
        control.stop(folder)
    return copy
