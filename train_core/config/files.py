"""Reading and writing settings: TOML (ours and sd-scripts') and JSON presets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin

from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.checks.paths import foreign_inputs, foreign_outputs
from train_core.config.checks.strength import rank_alone
from train_core.config.interop.aliases import in_our_words, with_plain_ranks
from train_core.config.interop.foreign_files import refuse_foreign
from train_core.config.interop.imports.recognise import import_tables, reads_foreign
from train_core.config.interop.imports.telling import dataset_first, told
from train_core.config.interop.kept import KEPT, Kept
from train_core.config.interop.sd_scripts_import import from_sd_scripts
from train_core.config.job import Job
from train_core.config.jobs.table import key_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.migrations import CONFIG_VERSION, migrate
from train_core.config.parse import parse_values
from train_core.config.paths import absolute_paths, portable
from train_core.config.phrases import joined, phrase
from train_core.config.places import real_path
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.setting import Setting
from train_core.config.syntax.coerce import help_of
from train_core.config.tables import dump_tables, flatten, read_tables
from train_core.config.typed import NoValue
from train_core.config.whole_files import write_text

NOTHING_KEPT = Kept()
COMMAND_LINE = phrase("command_line", "the command line")
# What was typed: one value, or several where a name came more than once or had several words behind it.
Overrides = Mapping[str, str | list[str]]
T = TypeVar("T", bound=Job)


@dataclass(frozen=True)
class Loaded:
    """A settings file, read and checked."""

    config: TrainConfig
    warnings: tuple[Problem, ...]


def read_config(path: Path, overrides: Overrides | None = None) -> Loaded:
    """The training settings in `path` (TOML of ours or of sd-scripts, or a JSON preset), with `overrides` over them.

    Raises `UserError` with everything that is wrong, at once.
    """
    values, warnings = read_values(path)
    return check_values(values, str(path), overrides or {}, warnings)


def check_values(
    values: Mapping[str, Any], source: str, overrides: Mapping[str, Any], warnings: tuple[Problem, ...] = ()
) -> Loaded:
    """Settings from flat `values` and `overrides`, checked alone and against each other."""
    here = absolute_paths(single_values(TrainConfig, overrides), Path.cwd(), TrainConfig)
    ours, translated = in_our_words(values, lambda _: source)
    typed, translated_too = in_our_words(here, lambda _: COMMAND_LINE)
    sources = dict.fromkeys(ours, source) | dict.fromkeys(typed, COMMAND_LINE)
    both, ranks = with_plain_ranks({**ours, **typed}, lambda name: sources.get(name, source))
    parsed = parse_values(TrainConfig, both, sources)
    raise_if_any(parsed.errors)
    assert parsed.config is not None  # parse_values gives a config when it gives no errors
    config = parsed.config.in_force()
    raise_if_any([*missing(config, source), *contradictions(config)])
    strength = rank_alone(config, ours, typed, sources)
    told = (*warnings, *translated, *translated_too, *ranks, *strength, *parsed.warnings, *oddities(config))
    return Loaded(config, told)


def single_values(job: type[Job], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """`overrides` of the command line with one value for each setting that is no list of `job`.

    Raises `UserError` for one that was given several values, and for a text that was given none.
    """
    lists = {s.name for s in job.settings() if get_origin(s.annotation) is list} | {"network_args"}
    problems = [
        problem(
            "given_several_values", "{name} is given as {values} in {source}. Give one value.",
            name=name, values=joined("and", value), source=COMMAND_LINE,
        )
        for name, value in overrides.items()
        if isinstance(value, list) and name not in lists and len(set(value)) > 1
    ]
    raise_if_any([*problems, *_without_value(job, overrides)])
    return {
        name: value[0] if isinstance(value, list) and name not in lists else value for name, value in overrides.items()
    }


def _without_value(job: type[Job], overrides: Mapping[str, Any]) -> list[Problem]:
    """One problem for each text, path or list that stands in `overrides` without a value, which "true" would be."""
    return [
        problem(
            "value_missing", "--{name} needs a value behind it: {help}", name=s.name, help=help_of(s)
        )
        for s in job.settings()
        if s.annotation in (str, list[str])
        and any(isinstance(value, NoValue) for value in _listed(overrides.get(s.name)))
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def read_job(job: type[Job], path: Path | None, overrides: Overrides) -> tuple[Job, tuple[Problem, ...]]:
    """The settings in a job's file, unchanged, and warnings. `job.of` makes the job's own settings from them.

    Raises `UserError` with everything that is wrong, at once.
    """
    if path is None or not issubclass(job, TrainConfig):
        return read_tool(job, path, overrides), ()
    loaded = read_config(path, overrides)
    return loaded.config, loaded.warnings


def read_tool(tool: type[T], path: Path | None, overrides: Overrides) -> T:
    """The settings of a tool in the TOML or JSON file at `path`, with `overrides` over them; both may be left out.

    Raises `UserError` with everything that is wrong, at once.
    """
    values: dict[str, Any] = {}
    if path is not None:
        tables = read_tables(path)
        refuse_foreign(tables, path)
        for name in ("config_version", "job"):
            tables.pop(name, None)
        values = absolute_paths(flatten(tables, str(path)), real_path(path).parent, tool)
    return check_tool(tool, values, str(path) if path else COMMAND_LINE, overrides)


def check_tool(
    tool: type[T], values: Mapping[str, Any], source: str, overrides: Mapping[str, Any] | None = None
) -> T:
    """The settings of a tool from flat `values` and `overrides`. Raises `UserError` as `read_tool` does."""
    overrides = overrides or {}
    sources = dict.fromkeys(values, source) | dict.fromkeys(overrides, COMMAND_LINE)
    given = {**values, **single_values(tool, overrides)}
    parsed = parse_values(tool, absolute_paths(given, Path.cwd(), tool), sources)
    raise_if_any(parsed.errors)
    assert parsed.config is not None  # parse_values gives a config when it gives no errors
    foreign = [*foreign_outputs(parsed.config), *foreign_inputs(parsed.config)]
    raise_if_any([*parsed.warnings, *missing(parsed.config, source), *foreign])
    return parsed.config


def missing(config: Job, source: str) -> list[Problem]:
    """One problem for each required setting that is empty."""
    values = config.flat()
    return [
        problem(
            "required_setting", "{name} is empty in {source}. {help}", name=s.name, source=source, help=help_of(s)
        )
        for s in config.settings()
        if s.traits.required and not any(str(values[name] or "").strip() for name in (s.name, *s.traits.unless))
    ]


def read_values(path: Path) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """The flat, migrated values of a settings file with absolute paths, and warnings about what was translated."""
    tables, folder = read_tables(path), real_path(path).parent
    if reads_foreign(tables, path.suffix.lower() == ".json"):
        found = import_tables(tables, path, folder, path.suffix.lower() == ".json")
        raise_if_any(dataset_first(found, path))
        return dict(found.values), told(found, path)
    refuse_foreign(tables, path)
    version = tables.pop("config_version", None)
    tables.pop(KEPT, None)
    values = flatten(tables, str(path))
    values.pop("job", None)
    if version is None and path.suffix.lower() != ".json":
        values, warnings = from_sd_scripts(values, str(path))
    else:
        migrated = migrate(values, int(version or CONFIG_VERSION), str(path))
        values, warnings = in_our_words(migrated, lambda _: str(path))
    values, ranks = with_plain_ranks(values, lambda _: str(path))
    return absolute_paths(values, folder, TrainConfig), (*warnings, *ranks)


def to_toml(config: Job, job: type[Job] | None = None) -> str:
    """The settings that apply, as TOML in one table per section; `job` is the one that takes them, if not their own."""
    applicable = config.applicable()
    tables: dict[str, Any] = {"config_version": CONFIG_VERSION, "job": key_of(job or type(config))}
    for key, section in type(config).sections().items():
        tables[key] = {
            name: applicable[name] for name in section.model_fields if applicable.get(name) is not None
        }
    return dump_tables(tables)


def write_toml(path: Path, config: Job, job: type[Job] | None = None) -> None:
    """Write the settings that apply to `path`, for `job` if that is not the one whose settings they are."""
    write_text(path, to_toml(config, job))


def write_preset(path: Path, values: Mapping[str, Any], settings: list[Setting], kept: Kept = NOTHING_KEPT) -> None:
    """Write a JSON preset of `values`; paths inside the program's folder are kept as `{app}/…` so that it can move.

    `kept` is another program's file that the values are from.
    """
    path_names = {s.name for s in settings if s.traits.path}
    written = {name: portable(value) if name in path_names else value for name, value in values.items()}
    tables = {"config_version": CONFIG_VERSION, **written, **kept.table()}
    write_text(path, json.dumps(tables, indent=2, ensure_ascii=False) + "\n")
