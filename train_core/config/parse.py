"""Parsing of a flat table of names and values into a job's settings, with every problem found at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from train_core.config.checks.applicability import not_applicable
from train_core.config.job import Job, Tool
from train_core.config.phrases import joined
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.coerce import coerce, is_zero

J = TypeVar("J", bound=Job)


@dataclass(frozen=True)
class Parsed(Generic[J]):
    """Result of parsing a table of values: the job's settings unless there are errors."""

    config: J | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def parse_values(
    job: type[J], values: Mapping[str, Any], sources: str | Mapping[str, str] = "the form"
) -> Parsed[J]:
    """Check `values` against the declarations of `job`. `sources` says where each value stands, for the messages."""
    declared = {s.name: s for s in job.settings()}
    source_of = (lambda name: sources) if isinstance(sources, str) else (lambda name: sources.get(name, "the form"))
    errors: list[Problem] = []
    typed: dict[str, Any] = {}
    zeros: dict[str, tuple[Problem, ...]] = {}
    for name, raw in values.items():
        if name not in declared:
            errors.append(_unknown(job, name, source_of(name)))
            continue
        try:
            typed[name] = coerce(declared[name], raw, source_of(name))
        except UserError as error:
            if is_zero(raw):
                zeros[name] = error.problems
            else:
                errors.extend(error.problems)
    config = job.from_flat(typed)
    # Other programs write 0 for what is not used: beside that it is no error.
    held = config.flat()
    errors += [found for name, problems in zeros.items() if declared[name].applies_to.holds(held) for found in problems]
    if errors:
        return Parsed(None, tuple(errors), ())
    return Parsed(config, (), tuple(not_applicable(job.settings(), typed, config.flat(), source_of)))


def _unknown(job: type[Job], name: str, source: str) -> Problem:
    known = [s.name for s in job.settings()]
    near = get_close_matches(name, known, 1)
    if near:
        return problem(
            "unknown_setting_near",
            "{name} in {source} is not a setting of this job. Did you mean {nearest}?",
            name=name, source=source, nearest=near[0],
        )
    if issubclass(job, Tool):
        return problem(
            "unknown_setting_of_tool",
            "{name} in {source} is not a setting of {tool}. Its settings are: {known}.",
            name=name, source=source, tool=job.job_name, known=joined("comma", known),
        )
    return problem(
        "unknown_setting",
        "{name} in {source} is not a setting of this job. Remove it; docs/settings.md lists all settings.",
        name=name, source=source,
    )
