"""Values that are given although their setting does not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from train_core.config.conditions import Facts, Values
from train_core.config.job import Job
from train_core.config.problems import Problem, problem
from train_core.config.setting import Setting


def not_applicable(
    settings: Iterable[Setting], given: Values, held: Values, source_of: Callable[[str], str]
) -> list[Problem]:
    """A warning for each `given` value that differs from its default and has no effect with the values `held`.

    `source_of` says where the value of a setting stands.
    """
    return [
        problem(
            "not_applicable",
            "{name} = {value} in {source} has no effect: it applies only when {condition}.",
            name=s.name, value=repr(given[s.name]), source=source_of(s.name), condition=s.applies_to.unmet(held).words,
        )
        for s in settings
        if s.name in given and given[s.name] != s.default and not s.applies_to.holds(held)
    ]


def not_for_this_model(config: Job, facts: Facts, told: Iterable[Problem] = ()) -> list[Problem]:
    """A warning for each setting that only applies to other base models than the one in `facts`.

    Settings of the problems already `told` are left out.
    """
    values, names = config.flat(), {found.params.get("name") for found in told}
    return [
        problem(
            "not_for_this_model",
            "{name} = {value} has no effect: it applies only when {condition}.",
            name=s.name, value=repr(values[s.name]), condition=s.applies_to.unmet(values, facts).words,
        )
        for s in config.settings()
        if values[s.name] != s.default and s.name not in names
        and s.applies_to.holds(values) and not s.applies_to.holds(values, facts)
    ]
