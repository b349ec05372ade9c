"""The page's routes to files and folders of this machine: what there is to pick, a new folder, the desktop's dialog."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kohya_gui.files import browsing
from kohya_gui.files.native import Desktop, Question, command
from kohya_gui.files.reach import Reach, reach_of
from kohya_gui.form.controller import FormController
from kohya_gui.form.live import read_json
from kohya_gui.i18n.language import language_of
from kohya_gui.i18n.messages import dictionary
from kohya_gui.options import PageOptions
from kohya_gui.server.answering import answer, as_json, refusal
from kohya_gui.views.picker_html import crumbs_html, dialog_html, list_html, places_html, state_html
from train_core.config.problems import UserError
from train_core.config.setting import PathKind
from train_core.facts.datasets.layout import image_folders

MOST_RECENT = 8
WORDS = "files"  # the group of texts that scripts say
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip")


def file_routes(
    forms: Mapping[str, FormController], options: PageOptions, has_screen: Callable[[], bool]
) -> list[BaseRoute]:
    """The routes; `has_screen` says whether a window opened here would be seen."""
    answers = Answers(forms, options, has_screen)
    return [
        Route("/files/words", answers.words),
        Route("/files/look", answers.look, methods=["POST"]),
        Route("/files/new", answers.new, methods=["POST"]),
        Route("/files/native", answers.native, methods=["POST"]),
    ]


class Answers:
    """Handlers of the routes."""

    def __init__(
        self, forms: Mapping[str, FormController], options: PageOptions, has_screen: Callable[[], bool]
    ) -> None:
        self._forms = forms
        self._reach = reach_of(options)
        self._options = options
        self._has_screen = has_screen
        self._desktop = Desktop()

    def words(self, request: Request) -> Response:
        """The words that the page's scripts about files say themselves."""
        known = dictionary(language_of(request, self._options.language))
        group = f"ui.{WORDS}."
        return as_json({key.removeprefix(group): said for key, said in known.items() if key.startswith(group)})

    async def look(self, request: Request) -> Response:
        """The contents of a folder, for the field that a path is picked for; the dialog's frame with the first one."""
        native = self._has_desktop(request)

        def of(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
            return look(self._reach, self._kind(asked), asked, native, language)

        return await answer(request, self._options.language, of)

    async def new(self, request: Request) -> Response:
        """Make a folder, and say where it is."""

        def of(asked: Mapping[str, Any], _language: str) -> dict[str, Any]:
            return {"made": str(browsing.new_folder(self._reach.must_find(_said(asked, "at")), _said(asked, "name")))}

        return await answer(request, self._options.language, of)

    async def native(self, request: Request) -> Response:
        """What is chosen in the desktop's own dialog, "" for nothing."""
        asked = read_json(await request.body())
        language = language_of(request, self._options.language)
        if not isinstance(asked, dict) or not self._has_desktop(request):
            return Response("There is no desktop here.\n", status_code=404)
        kind = self._kind(asked)
        try:
            start = browsing.nearest_folder(self._reach.find(_said(asked, "at")) or Path.home())
            chosen = await self._desktop.ask(question(kind, start, _title(asked, language)))
            found = {"chosen": str(self._reach.must_find(chosen)) if chosen else ""}
        except UserError as error:
            return as_json(refusal(error, language))
        return as_json(found)

    def _has_desktop(self, request: Request) -> bool:
        """Whether whoever asks sits at this machine, as far as can be told, and it can show them a dialog."""
        direct = request.client is not None and _is_loopback(request.client.host)
        direct = direct and not any(name in request.headers for name in FORWARDED)
        if not direct or self._options.headless or self._options.share or self._options.allow_host:
            return False
        return self._has_screen() and command(question("folder", Path("/"), "")) is not None

    def _kind(self, asked: Mapping[str, Any]) -> PathKind:
        """The kind of path that is picked, by the setting that it is for."""
        form = self._forms.get(_said(asked, "form"))
        declared = next((s for s in form.fields.settings if s.name == _said(asked, "setting")), None) if form else None
        return (declared.traits.path if declared else None) or "folder"


def look(
    reach: Reach, kind: PathKind, asked: Mapping[str, Any], native: bool, language: str
) -> dict[str, Any]:
    """The parts of the dialog for the folder `at`; with `first` for the nearest one that can be shown, and the frame.

    Raises `UserError` for a folder that may not be shown, or cannot be.
    """
    first = bool(asked.get("first"))
    at = _start(reach, _said(asked, "at")) if first else reach.must_find(_said(asked, "at"))
    endings = browsing.OFFERED.get(kind, ())
    found = browsing.listing(at, endings, _said(asked, "match"))
    above = [path for path in at.parents if reach.find(str(path)) is not None]
    given = asked.get("recent")
    recent = [path for one in given[:MOST_RECENT] if isinstance(one, str) and (path := reach.find(one))] if isinstance(
        given, list) else []
    numbered = len(image_folders(at)) if kind == "folder" else 0
    parts = {
        "crumbs": crumbs_html(at, above), "list": list_html(found, language),
        "places": places_html(browsing.places(reach), recent, language), "state": state_html(found, numbered, language),
    }
    frame = {"html": dialog_html(_title(asked, language), native, kind == "result", language)} if first else {}
    takes = kind in browsing.FOLDERS or (kind == "file" and found.is_model)
    return {"at": str(at), "parts": parts, "takes_folder": takes, "saves": kind == "result", **frame}


def _start(reach: Reach, typed: str) -> Path:
    """The folder to open first: that of what is typed, or the nearest one above it, or the first place."""
    typed_path = reach.find(typed)
    near = browsing.nearest_folder(typed_path) if typed_path is not None else None
    if near is not None and near != Path(near.anchor) and reach.find(str(near)) is not None:
        return near
    return next(iter(browsing.places(reach)), Path.home())


def question(kind: PathKind, folder: Path, title: str) -> Question:
    """What to ask in the desktop's own dialog for a path of `kind`."""
    return Question(title, str(folder), kind in browsing.FOLDERS, browsing.OFFERED.get(kind, ()), kind == "result")


def _title(asked: Mapping[str, Any], language: str) -> str:
    return dictionary(language).get(f"setting.{_said(asked, 'setting')}.label", "")


def _said(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    return value if isinstance(value, str) else ""


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
