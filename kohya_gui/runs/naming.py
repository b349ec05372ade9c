"""Runs named in a terminal: by their number in a list, their name, their folder's name, or a part of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from train_core.config.clean_paths import clean_path
from train_core.config.existing import is_file
from train_core.config.places import runs_dir
from train_core.config.problems import UserError, problem

SETTINGS = "config.toml"  # as in train_core/facts/run/run_folders.py, which needs the environment
DATE = re.compile(r"^\d{8}-\d{6}-")  # begins the name of a run's folder


def run_named(word: str, runs: Sequence[str]) -> str:
    """The one of `runs` that `word` names; 1 is the first of them. Raises `UserError` for none, and for several."""
    if word in runs:
        return word
    if word.isdecimal() and 1 <= int(word) <= len(runs):
        return runs[int(word) - 1]
    found = [run for run in runs if word and word.lower() in run.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            problem(
                "run_named_twice", "{text} may be any of {names}. Write more of the name.",
                text=repr(word), names=", ".join(found[:5]),
            )
        )
    raise UserError(
        problem(
            "run_not_named", "{text} is not a run of the list. Write its number in the list or its name.",
            text=repr(word),
        )
    )


def past_run(word: str, runs: Sequence[str]) -> str:
    """The one of `runs`, the newest first, that `word` names; the newest, where several have just this name.

    Raises `UserError` for none, and for a part of several names.
    """
    of_this_name = next((run for run in runs if DATE.sub("", run) == word), None)
    return of_this_name or run_named(word, runs)


def settings_of_past_run(word: str) -> Path:
    """The settings file that `word` names: a file, a run's folder, or a run as `past_run` finds it.

    Raises `UserError` where there is none.
    """
    path = Path(clean_path(word)).expanduser().absolute()
    for found in (path / SETTINGS, path):
        if is_file(found):
            return found
    names = [folder.name for folder in runs_dir().glob("*") if is_file(folder / SETTINGS)]
    return runs_dir() / past_run(word, sorted(names, reverse=True)) / SETTINGS
