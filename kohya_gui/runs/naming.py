"""Runs named in a terminal: by their number in a list, their folder's name, or a part of it."""

from __future__ import annotations

from collections.abc import Sequence

from train_core.config.problems import UserError, problem


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
