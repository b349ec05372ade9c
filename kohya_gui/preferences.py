"""What the user has chosen for Crucible as a whole, in one JSON file of the home.

Reading it needs no package, since the command line does so before the environment has any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.places import home, presets_dir
from train_core.config.untrusted import json_of, text_of


@dataclass(frozen=True)
class Preferences:
    """`output_dir` is where results go unless a run says otherwise, "" for a folder of the home.

    `allow_host` are names under which the page answers besides those given on the command line. `webuis` are the
    folders of the programs that draw with what is trained. `start_preset` is the preset that the form starts with, ""
    where it starts as it was left. `presets_folder` is where presets of the user's own lie, "" for a
    folder of the home.
    """

    output_dir: str = ""
    allow_host: tuple[str, ...] = ()
    webuis: tuple[str, ...] = ()
    start_preset: str = ""
    presets_folder: str = ""


def preferences() -> Preferences:
    """What is chosen; whatever is missing or unreadable is as if it had never been chosen."""
    kept = kept_preferences()
    folder, start, own = (kept.get(name) for name in ("output_dir", "start_preset", "presets_folder"))
    return Preferences(
        folder if isinstance(folder, str) else "", _texts(kept.get("allow_host")), _texts(kept.get("webuis")),
        start if isinstance(start, str) else "", own if isinstance(own, str) else "",
    )


def _texts(kept: Any) -> tuple[str, ...]:
    return tuple(one for one in kept if isinstance(one, str)) if isinstance(kept, list) else ()


def usual_output_dir() -> str:
    """The folder for results of a run that names none."""
    return preferences().output_dir or str(home() / "outputs")


def own_presets_dir() -> Path:
    """The folder of the user's own presets."""
    chosen = preferences().presets_folder
    return Path(chosen) if chosen else presets_dir()


def preferences_file() -> Path:
    """The file that they are kept in."""
    return home() / "preferences.json"


def kept_preferences() -> Mapping[str, Any]:
    """All that stands in the file; nothing if it cannot be read."""
    try:
        kept = json_of(text_of(preferences_file()))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
