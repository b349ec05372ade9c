"""Reading and writing settings: TOML (ours and sd-scripts') and JSON presets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_origin

import toml

from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.checks.paths import foreign_inputs, foreign_outputs
from train_core.config.checks.strength import rank_alone
from train_core.config.interop.aliases import in_our_words, with_plain_ranks
from train_core.config.interop.foreign_files import refuse_foreign, refuse_list, refuse_yaml
from train_core.config.interop.given_twice import same, two_values
from train_core.config.interop.sd_scripts_import import from_sd_scripts
from train_core.config.job import Job
from train_core.config.jobs.table import key_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.migrations import CONFIG_VERSION, migrate
from train_core.config.parse import parse_values
from train_core.config.paths import absolute_paths, portable
from train_core.config.phrases import joined, phrase
from train_core.config.places import real_path
from train_core.config.problems import Problem, UserError, cause_of, problem, raise_if_any
from train_core.config.setting import Setting
from train_core.config.syntax.coerce import help_of
from train_core.config.typed import NoValue
from train_core.config.untrusted import NotReadable, json_of, text_of, toml_of
from train_core.config.whole_files import write_text

COMMAND_LINE = phrase("command_line", "the command line")
# Settings whose arguments may also be written as a table.
ARGUMENTS = frozenset({"network_args", "optimizer_args", "lr_scheduler_args"})
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
    raise_if_any([*missing(parsed.config, source), *contradictions(parsed.config)])
    strength = rank_alone(parsed.config, ours, typed, sources)
    told = (*warnings, *translated, *translated_too, *ranks, *strength, *parsed.warnings, *oddities(parsed.config))
    return Loaded(parsed.config, told)


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
    tables = read_tables(path)
    refuse_foreign(tables, path)
    version = tables.pop("config_version", None)
    values = flatten(tables, str(path))
    values.pop("job", None)
    if version is None and path.suffix.lower() != ".json":
        values, warnings = from_sd_scripts(values, str(path))
    else:
        migrated = migrate(values, int(version or CONFIG_VERSION), str(path))
        values, warnings = in_our_words(migrated, lambda _: str(path))
    values, ranks = with_plain_ranks(values, lambda _: str(path))
    return absolute_paths(values, real_path(path).parent, TrainConfig), (*warnings, *ranks)


def read_tables(path: Path) -> dict[str, Any]:
    """Contents of a TOML or JSON file. Raises `UserError` when it cannot be read."""
    try:
        text = text_of(path)
        refuse_yaml(path, text)
        tables = _json(text, path) if path.suffix.lower() == ".json" else toml_of(text)
    except FileNotFoundError:
        raise UserError(
            problem("config_not_found", "There is no file {path}. Check the name and the folder.", path=str(path))
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            problem(
                "config_not_utf8",
                "{path} is not UTF-8 text (byte {position}). Save it again as UTF-8.",
                path=str(path), position=error.start,
            )
        ) from None
    except OSError as error:
        raise UserError(_unreadable(path, cause_of(error))) from None
    except NotReadable as error:
        raise UserError(_unreadable(path, error.reason)) from None
    if not isinstance(tables, dict):
        refuse_list(tables, path)
        raise UserError(
            problem(
                "config_no_table", "{path} contains no settings. It should consist of names and values.", path=str(path)
            )
        )
    return tables


def _unreadable(path: Path, reason: str) -> Problem:
    if reason.startswith(("Cannot overwrite a value", "Cannot declare")):
        return problem(
            "config_name_twice",
            "{path} cannot be read: one table contains a name or a table twice, which TOML does not allow. Keep one. "
            "({reason})",
            path=str(path), reason=reason,
        )
    if path.suffix.lower() == ".json":
        return problem(
            "config_unreadable_json", "{path} cannot be read: {reason}. In JSON, write every backslash twice.",
            path=str(path), reason=reason,
        )
    return problem(
        "config_unreadable", "{path} cannot be read: {reason}. In TOML, write Windows paths in 'single quotes'.",
        path=str(path), reason=reason,
    )


def _json(text: str, path: Path) -> Any:
    """The content of JSON text. Raises `UserError` for a name with two values in one object."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for name, value in pairs:
            if table.setdefault(name, value) != value:
                raise UserError(
                    problem(
                        "key_twice", "{name} has two values in {source}, {first} and {second}. Keep one.",
                        name=name, source=str(path), first=repr(table[name]), second=repr(value),
                    )
                )
        return table

    return json_of(text, once)


def flatten(tables: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values of all tables side by side. Raises `UserError` when a name has two values in them."""
    flat: dict[str, Any] = {}
    places: dict[str, str] = {}
    twice: list[Problem] = []
    for key, value in tables.items():
        is_table = isinstance(value, dict) and key not in ARGUMENTS
        place = f"[{key}]" if is_table else phrase("top_level", "the top level")
        for name, item in value.items() if is_table else [(key, value)]:
            if name not in flat:
                flat[name], places[name] = item, place
            elif not same(name, flat[name], item):
                twice.append(two_values(name, source, (places[name], place), (flat[name], item)))
    raise_if_any(twice)
    return flat


class _TomlEncoder(toml.TomlEncoder):
    """Writes strings as JSON strings, which TOML reads alike; the library's own form breaks on backslash-x."""

    def __init__(self) -> None:
        super().__init__()
        self.dump_funcs[str] = lambda text: json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def to_toml(config: Job, job: type[Job] | None = None) -> str:
    """The settings that apply, as TOML in one table per section; `job` is the one that takes them, if not their own."""
    applicable = config.applicable()
    tables: dict[str, Any] = {"config_version": CONFIG_VERSION, "job": key_of(job or type(config))}
    for key, section in type(config).sections().items():
        tables[key] = {
            name: applicable[name] for name in section.model_fields if applicable.get(name) is not None
        }
    return toml.dumps(tables, encoder=_TomlEncoder())


def dump_tables(tables: Mapping[str, Any]) -> str:
    """Any TOML tables as text, with the same safe strings."""
    return toml.dumps(tables, encoder=_TomlEncoder())


def write_toml(path: Path, config: Job, job: type[Job] | None = None) -> None:
    """Write the settings that apply to `path`, for `job` if that is not the one whose settings they are."""
    write_text(path, to_toml(config, job))


def write_preset(path: Path, values: Mapping[str, Any], settings: list[Setting]) -> None:
    """Write a JSON preset of `values`; paths inside the program's folder are kept as `{app}/…` so that it can move."""
    path_names = {s.name for s in settings if s.traits.path}
    written = {name: portable(value) if name in path_names else value for name, value in values.items()}
    write_text(path, json.dumps({"config_version": CONFIG_VERSION, **written}, indent=2, ensure_ascii=False) + "\n")
