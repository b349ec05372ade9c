"""One setting with two values: whether they are the same, and how it is told where they are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.syntax.coerce import coerce


def same(name: str, first: Any, second: Any) -> bool:
    """Whether both values mean the same for the setting `name`: 512, "512" and [512] are one resolution."""
    if first == second:
        return True
    declared = next((s for s in TrainConfig.settings() if s.name == name), None)
    try:
        return declared is not None and bool(coerce(declared, first, "") == coerce(declared, second, ""))
    except UserError:
        return False


def two_values(name: str, source: str, places: tuple[str, str], values: tuple[Any, Any]) -> Problem:
    """The problem of a setting that stands in two `places` of `source`, each with its value."""
    return problem(
        "setting_twice",
        "{name} has two values in {source}: {first} in {first_place} and {second} in {second_place}. Keep one.",
        name=name, source=source, first=repr(values[0]), first_place=places[0], second=repr(values[1]),
        second_place=places[1],
    )


def merged(values: dict[str, Any], said: Mapping[str, Any], place: str, source: str) -> dict[str, Any]:
    """`values` and what is `said` in `place` beside them. Raises `UserError` where the two differ."""
    raise_if_any(
        two_values(name, source, (name, place), (values[name], value))
        for name, value in said.items()
        if values.get(name) not in (None, "") and not same(name, values[name], value)
    )
    return {**values, **said}
