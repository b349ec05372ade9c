"""The paths in settings: cleaned, made absolute, and moved with the program. Whatever reads a path asks here."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from train_core.config.clean_paths import clean_path, system_of
from train_core.config.existing import exists
from train_core.config.job import Job
from train_core.config.places import app_dir
from train_core.config.setting import PathKind

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*(?<!\.safetensors)(?<!\.ckpt)(?<!\.pt)")
LAST_STATE = "last"
ONE_OF: dict[PathKind, PathKind] = {"adapters": "adapter", "embeddings": "embedding"}  # the kind of a list's items
PROMPT_FILE = re.compile(r"((?! --)[^\r\n])*\.(txt|toml|json)", re.IGNORECASE)


def absolute_paths(values: dict[str, Any], folder: Path, job: type[Job]) -> dict[str, Any]:
    """`values` of `job` with clean paths: `{app}/` and `~` are filled in, relative ones start at `folder`; hub ids
    stay as they are."""
    kinds = {s.name: s.traits.path for s in job.settings() if s.traits.path}
    return {name: _with_paths(kinds[name], value, folder) if name in kinds else value for name, value in values.items()}


def clean_value(kind: PathKind, value: Any) -> Any:
    """`value` of a setting of this kind without what copying leaves around paths; lists may be written as lines."""
    one = ONE_OF.get(kind)
    if one is not None:
        paths = value.splitlines() if isinstance(value, str) else value
        return [clean_value(one, path) for path in paths] if isinstance(paths, list | tuple) else value
    if not isinstance(value, str):
        return value
    cleaned = clean_path(value)
    return value if kind == "prompts" and not PROMPT_FILE.fullmatch(cleaned) else cleaned


def absolute_path(text: str, folder: Path) -> Path:
    """The path that `text` means in a file that lies in `folder`."""
    return Path(_absolute(clean_path(text), folder, may_be_hub_id=False))


def _with_paths(kind: PathKind, value: Any, folder: Path) -> Any:
    cleaned = clean_value(kind, value)
    if isinstance(cleaned, list):
        return [_with_paths(ONE_OF[kind], path, folder) for path in cleaned]
    return _absolute(cleaned, folder, kind == "file") if _is_path(kind, cleaned) else cleaned


def _is_path(kind: PathKind, value: Any) -> bool:
    if not isinstance(value, str) or not value:
        return False
    if kind == "state":
        return value.lower() != LAST_STATE
    if kind == "layers":
        return value.lower().endswith(".toml")
    if kind == "image":
        return not value.startswith("data:")
    return kind != "prompts" or bool(PROMPT_FILE.fullmatch(value))


def _absolute(text: str, folder: Path, may_be_hub_id: bool) -> str:
    path = Path(os.path.expanduser(text.replace("{app}", str(app_dir()))))  # noqa: PTH111 - keeps odd text
    if path.is_absolute() or system_of(text):
        return str(path)
    here = folder / path
    if may_be_hub_id and HUB_ID.fullmatch(text) and not exists(here):
        return text
    if os.name != "nt" and "\\" in text and not exists(here):
        here = folder / text.replace("\\", "/")  # a relative path as Windows writes it
    return os.path.normpath(here)


def portable(value: Any) -> Any:
    """`value` of a path setting with `{app}/…` in place of the program's folder, so that both can move together."""
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    app = str(app_dir()) + os.sep
    inside = isinstance(value, str) and value.startswith(app)
    return "{app}/" + value[len(app) :].replace(os.sep, "/") if inside else value
