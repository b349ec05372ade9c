"""The page's own routes of the Settings tab: what is chosen, and what is done when something is chosen or cleared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kohya_gui.environment.pip import SetupError
from kohya_gui.environment.update import is_newer
from kohya_gui.form.presets import list_presets
from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.preferences import own_presets_dir, preferences, usual_output_dir
from kohya_gui.preferring import forget_webui, known_webuis, name_webui, prefer
from kohya_gui.runs.caches import cache_sizes, clear_cache
from kohya_gui.runs.program import version_here
from kohya_gui.server.answering import answer
from kohya_gui.server.hosts import AllowedHosts, read_place
from kohya_gui.views.preferences_html import Shown, preferences_html
from train_core.config.clean_paths import clean_path
from train_core.config.places import home
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.facts.run.writable import unwritable

MOST_ENTRIES = 2000  # files and folders below the one for presets
PROBE = "crucible.safetensors"  # a name such as results have


def preference_routes(forced_language: str, hosts: AllowedHosts) -> list[BaseRoute]:
    """The routes; `forced_language` is that of every page, `hosts` are those that the page answers to."""

    def shown(language: str) -> Markup:
        return preferences_html(Shown(
            home=str(home()), output_dir=usual_output_dir(), presets_folder=str(own_presets_dir()),
            hosts=preferences().allow_host, webuis=webuis_shown(),
            caches=cache_sizes(), version=version_here(), languages={} if forced_language else languages(),
        ), language)  # fmt: skip

    def act(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
        what, value = (asked.get(name) for name in ("act", "value"))
        told = _do(str(what or ""), str(value or "").strip(), hosts, language)
        return {"told": Markup("{}").format(told), "html": shown(language)}

    async def look(request: Request) -> Response:
        return await answer(request, forced_language, lambda _, language: {"html": shown(language)})

    async def change(request: Request) -> Response:
        return await answer(request, forced_language, act)

    return [Route("/preferences/look", look, methods=["POST"]), Route("/preferences/act", change, methods=["POST"])]


def webuis_shown() -> list[tuple[str, str]]:
    """Folder and program of each WebUI that was named; "" for the program of one that is not there now."""
    there = {str(one.root): one.program.name for one in known_webuis()}
    return [(folder, there.get(folder, "")) for folder in preferences().webuis]


def _do(what: str, value: str, hosts: AllowedHosts, language: str) -> str:
    """Do what was asked, and return what to say of it. Raises `UserError`."""
    if what in FOLDERS:
        FOLDERS[what](value)
        return text("ui.prefer.saved", language)
    if what == "allow_host":
        named = tuple(dict.fromkeys(value.replace(",", " ").split()))
        wrong = next((one for one in named if read_place(one) is None), None)
        if wrong is not None:
            raise UserError(problem(
                "no_host", "{name} is no host. Write a name or an address, such as train.example.org or "
                "train.example.org:8443.", name=wrong,
            ))  # fmt: skip
        prefer(replace(preferences(), allow_host=named))
        for one in named:
            hosts.add(one)
        return text("ui.prefer.saved", language)
    if what == "webui":
        return text("ui.prefer.webui.found", language, program=name_webui(value).program.name)
    if what == "webui_forget":
        forget_webui(value)
        return text("ui.prefer.saved", language)
    if what == "clear":
        return text("ui.prefer.cleared", language, size=bytes_text(clear_cache(value)))
    return _newer(language)


def _prefer_output_dir(typed: str) -> None:
    prefer(replace(preferences(), output_dir=_checked_folder(typed)))


def _prefer_presets_folder(typed: str) -> None:
    """Keep presets in the folder that was typed; one that is not there is no longer started with."""
    prefer(replace(preferences(), presets_folder=_checked_presets_folder(typed)))
    if preferences().start_preset not in list_presets():
        prefer(replace(preferences(), start_preset=""))


FOLDERS = {"output_dir": _prefer_output_dir, "presets_folder": _prefer_presets_folder}


def _checked_folder(typed: str) -> str:
    """The folder that was typed, as a whole path; "" for the usual one. Raises `UserError` if it cannot be used."""
    folder = clean_path(typed)
    if not folder:
        return ""
    path = Path(folder).expanduser()
    if not path.is_absolute():
        raise UserError(problem("folder_not_whole", "{folder} is no whole path. Write it from its drive or root on.",
                                folder=folder))  # fmt: skip
    found = unwritable(path / PROBE)
    raise_if_any([found] if found else [])
    return str(path)


def _checked_presets_folder(typed: str) -> str:
    """The folder for presets that was typed; "" for the usual one. Raises `UserError` if it cannot be used.

    Folders with a great deal in them are refused, since all of it is looked through whenever presets are listed.
    """
    folder = _checked_folder(typed)
    entries = (entry for _, inner, files in os.walk(folder) for entry in (*inner, *files)) if folder else iter(())
    if sum(1 for _ in islice(entries, MOST_ENTRIES + 1)) > MOST_ENTRIES:
        raise UserError(problem(
            "presets_folder_too_large", "{folder} holds more than {most} files and folders, too many to look through "
            "for presets. Choose a folder that holds presets alone.", folder=folder, most=MOST_ENTRIES,
        ))  # fmt: skip
    return folder


def _newer(language: str) -> str:
    """Whether there is a newer version. Raises `UserError` where that cannot be found out."""
    try:
        return text("ui.prefer.newer" if is_newer() else "ui.prefer.newest", language)
    except SetupError as error:
        raise UserError(problem(
            "update_not_checked", "It could not be found out whether there is a newer version: {reason}",
            reason=str(error),
        )) from error  # fmt: skip
