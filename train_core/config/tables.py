"""Settings files as tables: TOML and JSON text read within limits, laid flat, and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import toml

from train_core.config.interop.foreign_files import refuse_list, refuse_yaml
from train_core.config.interop.given_twice import same, two_values
from train_core.config.phrases import phrase
from train_core.config.problems import Problem, UserError, cause_of, problem, raise_if_any
from train_core.config.untrusted import NotReadable, decoded, json_of, text_of, toml_of

# Settings whose arguments may also be written as a table.
ARGUMENTS = frozenset({"network_args", "optimizer_args", "lr_scheduler_args"})


def read_tables(path: Path) -> dict[str, Any]:
    """Contents of a TOML or JSON file. Raises `UserError` when it cannot be read."""
    return parse_tables(read_text(path), path)


def read_text(path: Path, data: bytes | None = None) -> str:
    """The text of the file at `path`, whose content is `data` if that is given. Raises `UserError`."""
    try:
        return text_of(path) if data is None else decoded(data)
    except FileNotFoundError:
        raise UserError(
            problem("config_not_found", "There is no file {path}. Check the name and the folder.", path=str(path))
        ) from None
    except UnicodeDecodeError as error:
        if b"\0" in error.object:
            raise UserError(
                problem(
                    "config_no_text",
                    "{path} is not text, so there are no settings in it. Open a JSON or TOML file, a training script, "
                    "or a trained .safetensors file.",
                    path=str(path),
                )
            ) from None
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


def parse_tables(text: str, path: Path, as_json: bool | None = None) -> dict[str, Any]:
    """What `text`, the content of the file `path`, says in TOML or JSON, by its ending unless `as_json` tells.

    Raises `UserError` when it cannot be read.
    """
    as_json = path.suffix.lower() == ".json" if as_json is None else as_json
    refuse_yaml(path, text)
    try:
        tables = _json(text, path) if as_json else toml_of(text)
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


def dump_tables(tables: Mapping[str, Any]) -> str:
    """Any TOML tables as text, with the same safe strings."""
    return toml.dumps(tables, encoder=_TomlEncoder())


