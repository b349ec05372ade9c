"""Reading and writing settings: TOML (ours and sd-scripts') and JSON presets."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import toml

from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.interop.aliases import in_our_words
from train_core.config.interop.sd_scripts_import import from_sd_scripts
from train_core.config.job import Job
from train_core.config.jobs.table import key_of
from train_core.config.jobs.train import TrainConfig
from train_core.config.migrations import CONFIG_VERSION, migrate
from train_core.config.parse import parse_values
from train_core.config.phrases import phrase
from train_core.config.places import app_dir
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.setting import PathKind, Setting
from train_core.config.syntax.coerce import help_of
from train_core.config.whole_files import write_text

COMMAND_LINE = phrase("command_line", "the command line")
HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(?<!\.safetensors)(?<!\.ckpt)(?<!\.pt)")


LAST_STATE = "last"
T = TypeVar("T", bound=Job)
PROMPT_FILE = re.compile(r"((?! --).)*\.(txt|toml|json)", re.IGNORECASE)


@dataclass(frozen=True)
class Loaded:
    """A settings file, read and checked."""

    config: TrainConfig
    warnings: tuple[Problem, ...]


def read_config(path: Path, overrides: Mapping[str, str] | None = None) -> Loaded:
    """The training settings in `path` (TOML of ours or of sd-scripts, or a JSON preset), with `overrides` over them.

    Raises `UserError` with everything that is wrong, at once.
    """
    values, warnings = read_values(path)
    return check_values(values, str(path), overrides or {}, warnings)


def check_values(
    values: Mapping[str, Any], source: str, overrides: Mapping[str, Any], warnings: tuple[Problem, ...] = ()
) -> Loaded:
    """Settings from flat `values` and `overrides`, checked alone and against each other."""
    here = absolute_paths(dict(overrides), Path.cwd())
    sources = dict.fromkeys(values, source) | dict.fromkeys(overrides, COMMAND_LINE)
    parsed = parse_values(TrainConfig, in_our_words({**values, **here}), sources)
    raise_if_any(parsed.errors)
    assert parsed.config is not None  # parse_values gives a config when it gives no errors
    raise_if_any([*missing(parsed.config, source), *contradictions(parsed.config)])
    return Loaded(parsed.config, (*warnings, *parsed.warnings, *oddities(parsed.config)))


def read_job(job: type[Job], path: Path | None, overrides: Mapping[str, str]) -> tuple[Job, tuple[Problem, ...]]:
    """The settings in a job's file, unchanged, and warnings. `job.of` makes the job's own settings from them.

    Raises `UserError` with everything that is wrong, at once.
    """
    if path is None or not issubclass(job, TrainConfig):
        return read_tool(job, path, overrides), ()
    loaded = read_config(path, overrides)
    return loaded.config, loaded.warnings


def read_tool(tool: type[T], path: Path | None, overrides: Mapping[str, str]) -> T:
    """The settings of a tool in the TOML or JSON file at `path`, with `overrides` over them; both may be left out.

    Raises `UserError` with everything that is wrong, at once.
    """
    values: dict[str, Any] = {}
    if path is not None:
        tables = read_tables(path)
        for name in ("config_version", "job"):
            tables.pop(name, None)
        values = absolute_paths(flatten(tables, str(path)), path.resolve().parent, tool)
    return check_tool(tool, values, str(path) if path else COMMAND_LINE, overrides)


def check_tool(
    tool: type[T], values: Mapping[str, Any], source: str, overrides: Mapping[str, Any] | None = None
) -> T:
    """The settings of a tool from flat `values` and `overrides`. Raises `UserError` as `read_tool` does."""
    overrides = overrides or {}
    here = absolute_paths(dict(overrides), Path.cwd(), tool)
    sources = dict.fromkeys(values, source) | dict.fromkeys(overrides, COMMAND_LINE)
    parsed = parse_values(tool, {**values, **here}, sources)
    raise_if_any(parsed.errors)
    assert parsed.config is not None  # parse_values gives a config when it gives no errors
    raise_if_any([*parsed.warnings, *missing(parsed.config, source)])
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
    version = tables.pop("config_version", None)
    values = flatten(tables, str(path))
    values.pop("job", None)
    warnings: tuple[Problem, ...] = ()
    if version is None and path.suffix.lower() != ".json":
        values, warnings = from_sd_scripts(values, str(path))
    else:
        values = in_our_words(migrate(values, int(version or CONFIG_VERSION), str(path)))
    return absolute_paths(values, path.resolve().parent), warnings


def read_tables(path: Path) -> dict[str, Any]:
    """Contents of a TOML or JSON file. Raises `UserError` when it cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
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
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(
            problem(
                "config_unreadable",
                "{path} cannot be read: {reason}. In TOML, write Windows paths in 'single quotes'.",
                path=str(path), reason=str(error),
            )
        ) from None
    if not isinstance(tables, dict):
        raise UserError(
            problem(
                "config_no_table", "{path} contains no settings. It should consist of names and values.", path=str(path)
            )
        )
    return tables


def flatten(tables: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The values of all tables side by side. Raises `UserError` when a name appears in two of them."""
    flat: dict[str, Any] = {}
    twice: list[Problem] = []
    for key, value in tables.items():
        for name, item in value.items() if isinstance(value, dict) else [(key, value)]:
            if name in flat:
                twice.append(
                    problem("setting_twice", "{name} appears twice in {source}. Keep one.", name=name, source=source)
                )
            flat[name] = item
    raise_if_any(twice)
    return flat


def absolute_paths(values: dict[str, Any], folder: Path, job: type[Job] = TrainConfig) -> dict[str, Any]:
    """`values` with `{app}/` and `~` filled in and relative paths taken from `folder`; hub ids stay as they are."""
    kinds = {s.name: s.traits.path for s in job.settings() if s.traits.path}
    return {name: _with_absolute(kinds.get(name), value, folder) for name, value in values.items()}


def _with_absolute(kind: PathKind | None, value: Any, folder: Path) -> Any:
    """`value` of a setting of this kind with absolute paths; lists of paths may be written as lines."""
    if kind == "adapters":
        paths = value.splitlines() if isinstance(value, str) else value
        return [_with_absolute("adapter", path, folder) for path in paths] if isinstance(paths, list) else value
    return _absolute(value, folder, kind == "file") if _is_path(kind, value) else value


def absolute_path(text: str, folder: Path) -> Path:
    """The path that `text` means in a file that lies in `folder`."""
    return Path(_absolute(text, folder, may_be_hub_id=False))


def _is_path(kind: PathKind | None, value: Any) -> bool:
    if kind is None or not isinstance(value, str) or not value.strip():
        return False
    if kind == "state":
        return value.strip().lower() != LAST_STATE
    if kind == "layers":
        return value.strip().lower().endswith(".toml")
    if kind == "image":
        return not value.startswith("data:")
    return kind != "prompts" or bool(PROMPT_FILE.fullmatch(value.strip()))


def _absolute(text: str, folder: Path, may_be_hub_id: bool) -> str:
    path = Path(os.path.expanduser(text.strip().replace("{app}", str(app_dir()))))  # noqa: PTH111 - keeps odd text
    if path.is_absolute() or re.match(r"[A-Za-z]:[\\/]|\\\\", text):
        return str(path)
    here = folder / path
    if may_be_hub_id and HUB_ID.fullmatch(text) and not here.exists():
        return text
    return os.path.normpath(here)


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
    app = str(app_dir()) + os.sep

    def portable(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [portable(item) for item in value]
        inside = isinstance(value, str) and value.startswith(app)
        return "{app}/" + value[len(app):].replace(os.sep, "/") if inside else value

    written = {name: portable(value) if name in path_names else value for name, value in values.items()}
    write_text(path, json.dumps({"config_version": CONFIG_VERSION, **written}, indent=2, ensure_ascii=False) + "\n")
