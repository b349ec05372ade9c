"""What the values of a form mean: the settings as far as they can be read, and everything that is wrong or odd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from train_core.config.checks import contradictions, oddities
from train_core.config.files import absolute_paths, missing
from train_core.config.parse import parse_values
from train_core.config.problems import Problem, UserError
from train_core.config.train import DatasetSettings, SampleSettings, TrainConfig
from train_core.facts.buckets import bucket_problems, bucket_rules
from train_core.facts.folders import Survey, look
from train_core.facts.prompts import PromptDefaults, parse_prompts


@dataclass(frozen=True)
class Understood:
    """The settings of a form. Values that cannot be read stand at their defaults, and `errors` say which."""

    config: TrainConfig
    survey: Survey | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def understand(values: Mapping[str, Any], source: str) -> Understood:
    """Read `values` and check them alone, against each other, and against the files they name."""
    config, errors, warnings = read_leniently(values, source)
    survey = survey_of(config.dataset)
    found = [*errors, *missing(config, source)]
    if not errors:
        found += contradictions(config)
    if not found:
        found += bucket_problems(bucket_rules(config.dataset))
    if survey is not None:
        found += survey.problems
    found += _prompt_problems(config.samples, config.dataset)
    odd = [*warnings, *oddities(config), *(survey.warnings if survey else ())]
    return Understood(config, survey, tuple(found), tuple(odd))


def read_leniently(
    values: Mapping[str, Any], source: str
) -> tuple[TrainConfig, tuple[Problem, ...], tuple[Problem, ...]]:
    """The settings with defaults in place of what cannot be read, then errors and warnings."""
    values = absolute_paths(dict(values), Path.cwd())
    parsed = parse_values(TrainConfig, values, source)
    if parsed.config is not None:
        return parsed.config, parsed.errors, parsed.warnings
    readable = {name: value for name, value in values.items() if _is_readable(name, value)}
    config = parse_values(TrainConfig, readable, source).config
    return config or TrainConfig(), parsed.errors, ()


def _is_readable(name: str, value: Any) -> bool:
    return not parse_values(TrainConfig, {name: value}).errors


def survey_of(dataset: DatasetSettings) -> Survey | None:
    """What lies in the image folder, or None while none is chosen."""
    if not dataset.train_data_dir.strip():
        return None
    folder = Path(dataset.train_data_dir)
    return _survey(folder, dataset.caption_extension, _signature(folder))


@lru_cache(maxsize=8)
def _survey(folder: Path, caption_extension: str, signature: tuple[tuple[str, int], ...]) -> Survey:
    """A look at `folder`, done again when `signature` changes and not at every key that is typed."""
    return look(folder, caption_extension)


def _signature(folder: Path) -> tuple[tuple[str, int], ...]:
    """The folder and its sub-folders with their times of change: what adding or removing a file alters."""
    try:
        below = [path for path in folder.iterdir() if path.is_dir()]
        return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in [folder, *below]))
    except OSError:
        return ()


def _prompt_problems(samples: SampleSettings, dataset: DatasetSettings) -> tuple[Problem, ...]:
    if not samples.sample_prompts.strip():
        return ()
    try:
        parse_prompts(samples.sample_prompts, PromptDefaults.at(dataset.resolution, samples.sample_sampler))
    except UserError as error:
        return error.problems
    return ()
