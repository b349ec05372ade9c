"""How many pictures a grid has, or what is wrong with its axes, while they are typed."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from kohya_gui.views.markup import joined, message
from train_core.config.jobs.grids import DrawGrid
from train_core.config.problems import UserError
from train_core.facts.grids.checks import size_of
from train_core.facts.grids.plan import plan_of

AXES = "grid_axes"


@dataclass(frozen=True)
class Said:
    """What is said under the axes: how much the grid is, or what is wrong."""

    note: str = ""
    message: str = ""


def grid_said(config: DrawGrid, language: str) -> Said:
    """What there is to say of a grid. Nothing while it has no axes, no model or no prompts yet."""
    settings, axes = config.draw_pictures, config.draw_grid.grid_axes
    if not any(map(str.strip, axes)) or not settings.draw_model.strip() or not settings.draw_prompts.strip():
        return Said()
    try:
        plan = plan_of(config)
    except UserError as error:
        wrong = [one for one in error.problems if one.code.startswith(("grid_", "network_not_found"))]
        lines = (Markup('<div class="error">{}</div>').format(message(one, language)) for one in wrong)
        return Said(message=str(joined(lines)))
    return Said(note=str(message(size_of(config, plan), language)))
