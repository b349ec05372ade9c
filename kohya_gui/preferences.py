"""What the user has chosen for Crucible as a whole, in one JSON file of the home. Imports nothing heavy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from train_core.config.clean_paths import clean_path
from train_core.config.places import home, presets_dir
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import json_of, text_of
from train_core.config.whole_files import write_text
from train_core.facts.models.webuis import WebUI, find_webui
from train_core.facts.run.writable import not_written


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
    kept = _kept()
    folder, start, own = (kept.get(name) for name in ("output_dir", "start_preset", "presets_folder"))
    return Preferences(
        folder if isinstance(folder, str) else "", _texts(kept.get("allow_host")), _texts(kept.get("webuis")),
        start if isinstance(start, str) else "", own if isinstance(own, str) else "",
    )


def _texts(kept: Any) -> tuple[str, ...]:
    return tuple(one for one in kept if isinstance(one, str)) if isinstance(kept, list) else ()


def prefer(chosen: Preferences) -> None:
    """Keep what is chosen, and whatever else stands in the file. Raises `UserError` if it cannot be written."""
    try:
        write_text(_file(), json.dumps({**_kept(), **asdict(chosen)}, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise UserError(not_written(_file(), cause_of(error))) from error


def usual_output_dir() -> str:
    """The folder for results of a run that names none."""
    return preferences().output_dir or str(home() / "outputs")


def own_presets_dir() -> Path:
    """The folder of the user's own presets."""
    chosen = preferences().presets_folder
    return Path(chosen) if chosen else presets_dir()


def known_webuis() -> list[WebUI]:
    """The WebUIs that were named and are still there."""
    found = []
    for folder in preferences().webuis:
        with suppress(UserError):  # it may come back with its drive
            found.append(find_webui(Path(folder)))
    return found


def name_webui(typed: str) -> WebUI:
    """The WebUI in the folder that was typed, which is kept from now on. Raises `UserError` where there is none."""
    folder = clean_path(typed)
    if not folder:
        raise UserError(problem("no_folder_typed", "Type the folder of your WebUI."))
    webui = find_webui(Path(folder).expanduser().absolute())
    chosen = preferences()
    if str(webui.root) not in chosen.webuis:
        prefer(replace(chosen, webuis=(*chosen.webuis, str(webui.root))))
    return webui


def forget_webui(folder: str) -> None:
    """Name this WebUI no more; nothing in it is touched."""
    chosen = preferences()
    prefer(replace(chosen, webuis=tuple(one for one in chosen.webuis if one != folder)))


def _file() -> Path:
    return home() / "preferences.json"


def _kept() -> Mapping[str, Any]:
    try:
        kept = json_of(text_of(_file()))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
