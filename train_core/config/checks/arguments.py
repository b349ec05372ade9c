"""Arguments held against what takes them: names that it does not have, and values of another kind than its defaults."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import Problem, problem
from train_core.config.syntax.optimizer_arguments import Defaults


def optimizer_argument_problems(optimizer: str, arguments: Mapping[str, Any], taken: Defaults) -> list[Problem]:
    """A problem for each of `arguments` that `optimizer`, which takes those in `taken`, would refuse."""
    unknown = [_unknown(optimizer, name, taken) for name in arguments if name not in taken]
    return unknown + [
        problem(
            "optimizer_argument_unsuited",
            "{name} = {value} in optimizer_args does not suit {optimizer}, which takes {expected} there. Write for "
            "example {name}={example}.",
            name=name, value=repr(value), optimizer=optimizer, expected=_expected(taken[name]),
            example=_as_written(taken[name]),
        )
        for name, value in arguments.items()
        if name in taken and not suits(value, taken[name])
    ]


def suits(value: Any, default: Any) -> bool:
    """Whether `value` is of the kind of `default`; a default of None takes anything."""
    if isinstance(default, bool):
        return isinstance(value, bool) or value in (0, 1)
    if isinstance(default, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, tuple | list):
        if not isinstance(value, tuple | list) or len(value) != len(default):
            return False
        return all(suits(one, like) for one, like in zip(value, default, strict=True))
    return True


def _unknown(optimizer: str, name: str, taken: Defaults) -> Problem:
    near = get_close_matches(name, list(taken), 1, cutoff=0.0)
    return problem(
        "optimizer_argument_unknown",
        "{optimizer} has no argument {name} (optimizer_args). The nearest is {nearest}.",
        optimizer=optimizer, name=name, nearest=near[0] if near else "-",
    )


def _expected(default: Any) -> Phrase:
    if isinstance(default, bool):
        return phrase("true_or_false", "true or false")
    if isinstance(default, tuple | list):
        return phrase("several_numbers", "{count} numbers", count=len(default))
    return phrase("a_number", "a number")


def _as_written(default: Any) -> str:
    if isinstance(default, tuple | list):
        return ",".join(str(one) for one in default)
    return str(default)
