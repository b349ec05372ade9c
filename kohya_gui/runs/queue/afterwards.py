"""Grids that are to be drawn once a training has ended, with the files that it has saved by then."""

from __future__ import annotations

import json
from collections.abc import Callable

from kohya_gui.runs.details.evaluating import evaluations_of
from kohya_gui.runs.exclusive import exclusive
from kohya_gui.runs.launch import may_start, start
from kohya_gui.runs.registry import ACTIVE, find_run, read_run
from train_core.config.files import check_tool
from train_core.config.jobs.grids import DrawGrid
from train_core.config.places import home
from train_core.config.problems import Problem, UserError
from train_core.config.untrusted import json_of, text_of
from train_core.config.whole_files import write_text

FILE, SECTION = "evaluate_after.json", "evaluate-after"
WITH_FILES = ("completed", "stopped")  # ends after which a run's files are looked at


def asked() -> dict[str, str]:
    """The template of the grid that is to be drawn, by the name of the run."""
    try:
        found = json_of(text_of(home() / FILE))
    except (OSError, ValueError):  # nothing was asked for, or the file is broken, and then nothing is drawn
        return {}
    return {str(run): str(name) for run, name in found.items()} if isinstance(found, dict) else {}


def ask(run: str, template: str) -> None:
    """Let a grid be drawn once `run` has ended; an empty `template` takes that back. Raises OSError."""
    with exclusive(SECTION):
        left = {name: what for name, what in asked().items() if name != run}
        write_text(home() / FILE, json.dumps(left | ({run: template} if template else {})))


def draw_due(tell: Callable[[str, tuple[Problem, ...]], None]) -> bool:
    """Begin the first grid whose run has ended, if its device is free; returns whether any is left to begin.

    `tell` hears of one that cannot be drawn, with the reasons. A paused run is waited for.
    """
    waits = False
    for run, template in asked().items():
        folder = find_run(run)
        info = read_run(folder) if folder is not None else None
        if info is not None and (info.status in ACTIVE or info.status == "paused"):
            waits |= info.status in ACTIVE
            continue
        if info is not None and info.status in WITH_FILES:
            if may_start(DrawGrid) is not None:
                waits = True
                continue
            try:
                settings = evaluations_of(info.folder).get(template)
                if settings is not None:
                    start(DrawGrid, check_tool(DrawGrid, settings, FILE))
                    waits = True
            except UserError as error:
                tell(run, error.problems)
        ask(run, "")
    return waits
