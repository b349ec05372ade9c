"""Keeping what the user chooses for Crucible as a whole, the WebUIs among it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from kohya_gui.preferences import Preferences, kept_preferences, preferences, preferences_file
from train_core.config.clean_paths import clean_path
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.whole_files import write_text
from train_core.facts.models.webuis import WebUI, find_webui
from train_core.facts.run.writable import not_written


def prefer(chosen: Preferences) -> None:
    """Keep what is chosen, and whatever else stands in the file. Raises `UserError` if it cannot be written."""
    try:
        everything = {**kept_preferences(), **asdict(chosen)}
        write_text(preferences_file(), json.dumps(everything, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise UserError(not_written(preferences_file(), cause_of(error))) from error


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
