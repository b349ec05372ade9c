"""What differs between the settings of two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.files import flatten, read_tables
from train_core.config.jobs.train import TrainConfig
from train_core.facts.run.run_folders import SETTINGS, job_in

ABOUT_THE_FILE = ("config_version", "job")


@dataclass(frozen=True)
class Difference:
    """A setting by its name, and its value in each of two runs; None where it does not apply."""

    name: str
    first: Any
    second: Any


def differences(first: Path, second: Path) -> list[Difference]:
    """The settings that differ between the runs in two folders, in the form's order. Raises `UserError`."""
    mine, others = settings_of(first), settings_of(second)
    order = {s.name: place for place, s in enumerate(TrainConfig.settings())}
    names = sorted({*mine, *others}, key=lambda name: (order.get(name, len(order)), name))
    found = [Difference(name, mine.get(name), others.get(name)) for name in names]
    return [one for one in found if one.first != one.second]


def changed_settings(folder: Path) -> dict[str, Any]:
    """The settings of the run in `folder` that differ from their defaults. Raises `UserError`."""
    values, defaults = settings_of(folder), _defaults(folder)
    return {name: value for name, value in values.items() if value != defaults.get(name)}


def settings_of(folder: Path) -> dict[str, Any]:
    """The settings by which the run in `folder` was started, by name. Raises `UserError` if they cannot be read."""
    path = folder / SETTINGS
    values = flatten(read_tables(path), str(path))
    return {name: value for name, value in values.items() if name not in ABOUT_THE_FILE}


def _defaults(folder: Path) -> Mapping[str, Any]:
    job = job_in(folder) or TrainConfig
    return {s.name: s.default for s in job.settings()}
