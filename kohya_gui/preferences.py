"""What the user has chosen for Crucible as a whole, in one JSON file of the home. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_core.config.places import home
from train_core.config.problems import UserError, cause_of
from train_core.config.untrusted import json_of, text_of
from train_core.config.whole_files import write_text
from train_core.facts.run.writable import not_written


@dataclass(frozen=True)
class Preferences:
    """`output_dir` is where results go unless a run says otherwise, "" for a folder of the home.

    `allow_host` are names under which the page answers besides those given on the command line.
    """

    output_dir: str = ""
    allow_host: tuple[str, ...] = ()


def preferences() -> Preferences:
    """What is chosen; whatever is missing or unreadable is as if it had never been chosen."""
    kept = _kept()
    folder, hosts = kept.get("output_dir"), kept.get("allow_host")
    return Preferences(
        folder if isinstance(folder, str) else "",
        tuple(one for one in hosts if isinstance(one, str)) if isinstance(hosts, list) else (),
    )


def prefer(chosen: Preferences) -> None:
    """Keep what is chosen, and whatever else stands in the file. Raises `UserError` if it cannot be written."""
    try:
        write_text(_file(), json.dumps({**_kept(), **asdict(chosen)}, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise UserError(not_written(_file(), cause_of(error))) from error


def usual_output_dir() -> str:
    """The folder for results of a run that names none."""
    return preferences().output_dir or str(home() / "outputs")


def _file() -> Path:
    return home() / "preferences.json"


def _kept() -> Mapping[str, Any]:
    try:
        kept = json_of(text_of(_file()))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
