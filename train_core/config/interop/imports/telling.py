"""An import as warnings, where a file is used at once and nobody looks at its lists."""

from __future__ import annotations

from pathlib import Path

from train_core.config.interop.imports.report import Import
from train_core.config.phrases import joined, setting_name
from train_core.config.problems import Problem, problem

MOST = 12  # names in a warning


def dataset_first(found: Import, path: Path) -> list[Problem]:
    """A problem where the file at `path` describes images that have to be written to a dataset file first."""
    if not found.dataset:
        return []
    return [
        problem(
            "import_subsets_first",
            "{path} describes its images itself, so a dataset file is needed too. `./gui.sh import {path} --output "
            "NEW.toml` writes the settings and that file; train with those.",
            path=str(path),
        )
    ]


def told(found: Import, path: Path) -> tuple[Problem, ...]:
    """What a user has to know of `found`, the settings of the file at `path`, before they are used."""
    facts = {"path": str(path), "program": found.program}
    summary = problem(
        "settings_imported",
        "{path} is a file of {program}. {taken} of its values are taken as they are, {changed} are said differently "
        "here, {left_out} have no effect here. `./gui.sh import {path}` lists them.",
        taken=len(found.taken), changed=len(found.changed), left_out=len(found.left_out), **facts,
    )
    problems = [summary, *found.notes]
    if found.not_understood:
        names = [one.name for one in found.not_understood]
        shown = joined("comma", [*names[:MOST], *(["…"] if len(names) > MOST else [])])
        problems.append(
            problem("import_not_understood", "Not understood in {path}: {names}", path=str(path), names=shown)
        )
    if found.defaulted:
        problems.append(
            problem(
                "import_defaults",
                "{path} does not say {names}; {program} has other defaults for them than are used here.",
                names=joined("comma", [setting_name(one.setting) for one in found.defaulted]), **facts,
            )
        )
    return tuple(problems)
