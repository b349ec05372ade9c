"""Bringing older files up to date: one function per step of `config_version`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train_core.config.problems import UserError, problem

CONFIG_VERSION = 1
# MIGRATIONS[n] turns the values of version n into those of version n + 1.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def migrate(values: dict[str, Any], version: int, source: str) -> dict[str, Any]:
    """`values` of a file of `version` as the present version writes them. Raises `UserError` for a newer file."""
    if version > CONFIG_VERSION:
        raise UserError(
            problem(
                "config_too_new",
                "{source} was written by a newer Crucible (config_version {version}; this one reads up to {known}). "
                "Update with `./gui.sh update` (Windows: `gui.bat update`).",
                source=source, version=version, known=CONFIG_VERSION,
            )
        )
    for step in range(version, CONFIG_VERSION):
        values = MIGRATIONS[step](values)
    return values
