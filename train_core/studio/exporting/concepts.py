"""Folders of an export by the sub-folders that its pictures lie in, each a concept with repeats of its own."""

from __future__ import annotations

import re

from train_core.studio.exporting.plan import MOST_REPEATS, Plan

NUMBERED = re.compile(r"(\d{1,5})_(.+)")  # as trainers name their folders


def concept_of(folder: str, plan: Plan) -> tuple[str, int]:
    """The name and repeats for pictures in a sub-folder; repeats are 0 where they are to fit the number of pictures.

    `7_zuko` is the name zuko with 7 repeats. What lies in no sub-folder goes by the plan's name.
    """
    if not plan.by_folder or not folder:
        return plan.name, plan.own_repeats.get(plan.name, plan.repeats) if plan.by_folder else plan.repeats
    last = folder.rsplit("/", maxsplit=1)[-1]
    numbered = NUMBERED.fullmatch(last)
    name, repeats = (numbered[2].strip(), int(numbered[1])) if numbered else (last, 0)
    return name, plan.own_repeats.get(name, min(repeats, MOST_REPEATS))
