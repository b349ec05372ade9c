"""What the values of a form mean: the settings as far as they can be read, and everything that is wrong or odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from train_core.config.checks import contradictions, oddities
from train_core.config.data import DataSettings
from train_core.config.files import absolute_paths, missing
from train_core.config.parse import parse_values
from train_core.config.problems import Problem
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.samples import SampleSettings
from train_core.config.train import TrainConfig
from train_core.facts.preflight import Findings, examine
from train_core.facts.subsets import Subset, survey, watched

Stamp = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Understood:
    """The settings of a form. Values that cannot be read stand at their defaults, and `errors` say which.

    `subsets` are the images found; `unreadable` are those errors that are about a value's writing alone; `notices` say
    what is neither wrong nor odd.
    """

    config: TrainConfig
    subsets: tuple[Subset, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    unreadable: tuple[Problem, ...]
    notices: tuple[Problem, ...] = ()


def understand(values: Mapping[str, Any], source: str) -> Understood:
    """Read `values` and check them alone, against each other, and against the files they name."""
    config, errors, remarks = read_leniently(values, source)
    stamp = _stamp(config)
    conflicts = () if errors else contradictions(config)
    files = Findings((), ())
    if not errors and not conflicts:
        files = _examined(config.model, DataSettings.of(config), config.samples, config.output, stamp)
    return Understood(
        config,
        _subsets(DataSettings.of(config), stamp),
        (*errors, *missing(config, source), *conflicts, *files.problems),
        (*remarks, *oddities(config), *files.warnings),
        errors,
        files.notices,
    )


def read_leniently(
    values: Mapping[str, Any], source: str
) -> tuple[TrainConfig, tuple[Problem, ...], tuple[Problem, ...]]:
    """The settings with defaults in place of what cannot be read, then errors and warnings."""
    values = absolute_paths(dict(values), Path.cwd())
    parsed = parse_values(TrainConfig, values, source)
    if parsed.config is not None:
        return parsed.config, parsed.errors, parsed.warnings
    readable = {name: value for name, value in values.items() if not parse_values(TrainConfig, {name: value}).errors}
    config = parse_values(TrainConfig, readable, source).config
    assert config is not None  # each of these values has just been read alone
    return config, parsed.errors, ()


@lru_cache(maxsize=8)
def _examined(
    model: ModelSettings, data: DataSettings, samples: SampleSettings, output: OutputSettings, stamp: Stamp
) -> Findings:
    """What the files say, found out again when `stamp` changes and not at every key that is typed."""
    return examine(TrainConfig(model=model, **vars(data), samples=samples, output=output))


@lru_cache(maxsize=8)
def _subsets(data: DataSettings, stamp: Stamp) -> tuple[Subset, ...]:
    return survey(data).subsets


def _stamp(config: TrainConfig) -> Stamp:
    """Times of change of the files and folders that the settings name: what adding or removing a file alters."""
    paths = [Path(config.model.pretrained_model_name_or_path), Path(config.output.output_dir)]
    return tuple((str(path), _changed(path)) for path in (*paths, *watched(DataSettings.of(config))))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
