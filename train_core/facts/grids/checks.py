"""What can be said of a grid before it is drawn: what stands in the way, what is odd, and how much it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from train_core.config.jobs.grids import DrawGrid
from train_core.config.problems import Problem, UserError, problem, problems_of
from train_core.facts.grids.folder import GridFolder
from train_core.facts.grids.pace import remembered_pace, work_of
from train_core.facts.grids.plan import Plan, plan_of
from train_core.facts.preflight import Findings
from train_core.facts.prompts.prompt_warnings import prompt_warnings
from train_core.facts.prompts.to_draw import look_into
from train_core.facts.run.writable import unwritable

BYTES_PER_PIXEL = 1.6  # of a PNG, as pictures mostly have
MB = 1e6


def examine_grid(config: DrawGrid, _run_dir: Path | None) -> Findings:
    """Findings on model, axes, prompts and the files that they name, which need no torch."""
    folder = GridFolder(Path(config.draw_grid.grid_to).expanduser())
    try:
        earlier = folder.facts()
        plan = plan_of(config, earlier.seeds if earlier else ())
    except UserError as error:
        return Findings(error.problems, ())
    files = {path: tag for cell in plan.pictures.values() for tag, path in cell.wanted.networks}
    broken = [found for path, tag in files.items() for found in problems_of(partial(look_into, tag, path))]
    if (refused := unwritable(folder.picture("0" * 8))) is not None:
        broken.append(refused)
    prompts = list(dict.fromkeys(cell.wanted.prompt for cell in plan.cells))
    warnings = (*plan.warnings, *_each_once(prompt_warnings(prompts, loads_networks=True)))
    return Findings(tuple(broken), warnings, (size_of(config, plan),), base=plan.bases[""])


def _each_once(warnings: list[Problem]) -> list[Problem]:
    """One warning of each kind about each text: cells of a grid say the same again and again."""
    return list({(found.code, str(found.params.get("text"))): found for found in reversed(warnings)}.values())[::-1]


def size_of(config: DrawGrid, plan: Plan) -> Problem:
    """Notice of how many pictures a grid has, how long they take and how large they are."""
    pictures = plan.pictures.values()
    size = sum(cell.wanted.prompt.width * cell.wanted.prompt.height for cell in pictures) * BYTES_PER_PIXEL / MB
    facts = {"cells": len(plan.cells), "pictures": len(pictures), "size": f"{size:.0f}" if size >= 1 else "1"}
    pace = remembered_pace(config.draw_pictures, plan.bases[""].model.family)
    if pace is None:
        return problem(
            "grid_size",
            "Cells of the grid: {cells}. Different pictures: {pictures}, some {size} MB. How long that takes will be "
            "known once some are drawn on this machine.",
            **facts,
        )  # fmt: skip
    minutes = pace * sum(work_of(cell.wanted.prompt) for cell in pictures) / 60
    return problem(
        "grid_size_and_time",
        "Cells of the grid: {cells}. Different pictures: {pictures}, some {size} MB and {minutes} min.",
        **facts, minutes=f"{minutes:.0f}" if minutes >= 1 else "1",
    )  # fmt: skip
