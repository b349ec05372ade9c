"""The page's own route of the dialog about presets: the list, what is done with one, and one beside another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.form import presets
from kohya_gui.form.live import read_json
from kohya_gui.form.preset_files import delete_preset, rename_preset, start_with
from kohya_gui.form.session import Session
from kohya_gui.preferences import preferences
from kohya_gui.server.answering import as_json, refusal
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.views import presets_html
from kohya_gui.views.presets_html import Listed, Row
from train_core.config.problems import UserError

FORM = "train"


def preset_routes(forms: Mapping[str, Any], visitor: Callable[[Request], str]) -> list[BaseRoute]:
    """The route for the Train tab's form, if it is among `forms`; `visitor` says who asks."""

    async def ask(request: Request) -> Response:
        asked, form = read_json(await request.body()), forms.get(FORM)
        if not isinstance(asked, dict) or not isinstance(form, TrainForm):
            return PlainTextResponse("A JSON object is missing.\n", status_code=400)
        session = form.session_of(request, visitor(request))
        words = {name: value for name, value in asked.items() if isinstance(value, str)}
        return as_json(await run_in_threadpool(_answered, words, form, session))

    return [Route("/form/train/presets", ask, methods=["POST"])]


def _answered(asked: Mapping[str, str], form: TrainForm, session: Session) -> dict[str, Any]:
    """The dialog's HTML after what was asked; what is refused is told as HTML under `error`."""
    try:
        return _do(asked.get("act", ""), asked.get("key", ""), asked, form, session)
    except UserError as error:
        return refusal(error, session.language)


def _do(act: str, key: str, asked: Mapping[str, str], form: TrainForm, session: Session) -> dict[str, Any]:
    language, said = session.language, {}
    if act == "compare":
        return {"html": compared(key, asked.get("other", ""), form, session)}
    if act == "rename":
        return {"row": presets_html.rename_html(presets.full_name(key), language)}
    if act == "delete":
        return {"row": presets_html.delete_html(presets.full_name(key), language)}
    if act == "renamed":
        form.preset_moved(key, rename_preset(key, asked.get("name", "")), session)
        said = {"told": session.text("ui.presets.renamed"), "changed": True}
    elif act == "deleted":
        path = delete_preset(key)
        form.preset_moved(key, None, session)
        said = {"told": session.text("ui.presets.deleted", path=str(path)), "changed": True}
    elif act == "start":
        start_with("" if preferences().start_preset == key else key)
    return {"html": presets_html.list_html(listed(), language), **said}


def listed() -> list[Listed]:
    """All presets as the dialog lists them."""
    start = preferences().start_preset
    return [
        Listed(key=key, name=presets.name_of(key), group=presets.group_of(key),
               own=not presets.is_program_preset(key), starts=key == start)
        for key in presets.list_presets()
    ]  # fmt: skip


def compared(first: str, second: str, form: TrainForm, session: Session) -> str:
    """The preset `first` beside the preset `second`, or beside the form where that is ""."""
    there = form.complete(presets.load_preset(first).values)
    if second:
        here = form.complete(presets.load_preset(second).values)
        names = [name for name in there if there[name] != here[name]]
    else:
        here = form.complete(form.drafted(session))
        names = list(form.differing(here, first))
    rows = [
        Row(setting=name, left=there[name], right=here[name], put=None if second else there[name]) for name in names
    ]
    return presets_html.comparison_html(listed(), first, second, rows, session.language)
