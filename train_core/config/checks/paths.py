"""Paths of another system: nothing is written to them, and what is to be read there is asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from train_core.config.clean_paths import seen_from_wsl, system_of
from train_core.config.job import Job
from train_core.config.problems import Problem, problem

WRITTEN = ("output", "result")
HERE = {"win32": "Windows", "darwin": "macOS"}.get(sys.platform, "Linux")


def foreign_outputs(config: Job) -> list[Problem]:
    """A problem for each place to write to that is a path of another system."""
    return [
        problem(
            "output_of_another_system",
            "{name} = {path} is a path of {system}, and this computer runs {here}. Choose a folder of this computer.",
            name=name, path=path, system=system, here=HERE,
        )
        for name, path, system in _foreign(config, written=True)
    ]


def foreign_inputs(config: Job) -> list[Problem]:
    """A problem for each file or folder to read that is a path of another system."""
    return [foreign_input(name, path, system) for name, path, system in _foreign(config, written=False)]


def foreign_input(name: str, path: str, system: str) -> Problem:
    """The problem of a path to read that `name` gives."""
    place = seen_from_wsl(path)
    facts = {"name": name, "path": path, "system": system, "here": HERE}
    if place is not None:
        return problem(
            "path_of_another_system_found",
            "{name} = {path} is a path of {system}, and this computer runs {here}. Here it is {place}: write that.",
            place=str(place), **facts,
        )
    return problem(
        "path_of_another_system",
        "{name} = {path} is a path of {system}, and this computer runs {here}. Where does it lie here? Choose the file "
        "or folder of this computer.",
        **facts,
    )


def _foreign(config: Job, written: bool) -> Iterator[tuple[str, str, str]]:
    """Name, path and system of each setting's paths of another system, of those that are written to or of the rest."""
    values = config.applicable()
    for s in config.settings():
        value = values.get(s.name)
        if s.traits.path is None or not value or (s.traits.path in WRITTEN) is not written:
            continue
        for path in value if isinstance(value, list) else [value]:
            if system := system_of(path):
                yield s.name, path, system
