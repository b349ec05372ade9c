"""Reading a form's values as far as they can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from train_core.config.job import Job
from train_core.config.parse import parse_values
from train_core.config.paths import absolute_paths
from train_core.config.problems import Problem

J = TypeVar("J", bound=Job)


@dataclass(frozen=True)
class Reading(Generic[J]):
    """The settings, with defaults in place of values that cannot be read; `errors` say which those are."""

    config: J
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def read_leniently(job: type[J], values: Mapping[str, Any], source: str = "the form") -> Reading[J]:
    """Read flat `values` of `job`, relative paths taken from the working folder; `source` names them in messages."""
    values = absolute_paths(dict(values), Path.cwd(), job)
    parsed = parse_values(job, values, source)
    if parsed.config is not None:
        return Reading(parsed.config, parsed.errors, parsed.warnings)
    readable = {name: value for name, value in values.items() if not parse_values(job, {name: value}).errors}
    config = parse_values(job, readable, source).config
    assert config is not None  # each of these values has just been read alone
    return Reading(config, parsed.errors, ())
