"""The page's own routes of its forms: what is said of the values being typed, names to search for, paths to offer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.form.controller import FormController
from kohya_gui.form.form_facts import offered_paths
from kohya_gui.form.live import news, read_json, readable
from kohya_gui.form.opening import Dropped
from kohya_gui.form.search import search_index
from kohya_gui.form.session import Session
from kohya_gui.server.answering import as_json
from kohya_gui.views.markup import message
from train_core.config.problems import UserError

# Keys of many people that are answered one after the other are all answered sooner, and leave room for other questions.
AT_ONCE, PATIENCE = 2, 1.0  # seconds
Visitor = Callable[[Request], str]  # the name of the login


def form_routes(forms: Mapping[str, FormController], visitor: Visitor) -> list[BaseRoute]:
    """The routes of `forms`, each by its name; `visitor` says who asks."""
    answers = Answers(forms, visitor)
    return [
        Route("/form/{form}", answers.look, methods=["POST"]),
        Route("/form/{form}/names", answers.names),
        Route("/form/{form}/open", answers.open, methods=["POST"]),
        Route("/form/{form}/paths/{setting}", answers.paths),
    ]


class Answers:
    """Handlers of the routes."""

    def __init__(self, forms: Mapping[str, FormController], visitor: Visitor) -> None:
        self._forms = forms
        self._visitor = visitor
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def look(self, request: Request) -> Response:
        """What is new about the form with the values in the request, which become its draft.

        Without values it is what the form opens with.
        """
        form = self._forms.get(request.path_params["form"])
        if form is None:
            return _nothing()
        asked = read_json(await request.body())
        if not isinstance(asked, dict):
            return PlainTextResponse("The values are missing.\n", status_code=400)
        session = self._session(form, request)
        known, given = asked.get("sums"), asked.get("values")
        sent = None if given is None else readable(given, form.fields.widgets)
        more = {name: value for name, value in asked.items() if isinstance(value, str)}
        async with self._turn():
            answer = await run_in_threadpool(form.look, sent, session, more)
        return as_json(news(answer, known if isinstance(known, dict) else {}))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """A turn of few; who has waited for long goes ahead, as a dead network drive may hold all turns."""
        try:
            async with asyncio.timeout(PATIENCE):
                had: bool = await self._at_once.acquire()
        except TimeoutError:
            had = False
        try:
            yield
        finally:
            if had:
                self._at_once.release()

    async def names(self, request: Request) -> Response:
        """Every setting of the form with the words to find it by."""
        form = self._forms.get(request.path_params["form"])
        return as_json(search_index(form.fields, self._session(form, request).language)) if form else _nothing()

    async def open(self, request: Request) -> Response:
        """The values in a settings file, whose content is the request's, and the report on it; or why it is refused.

        Of weights the request has the beginning, and their `size` beside their name.
        """
        form = self._forms.get(request.path_params["form"])
        if form is None:
            return _nothing()
        session, content = self._session(form, request), await request.body()
        size = re.fullmatch(r"\d{1,18}", request.query_params.get("size", ""), re.ASCII)
        dropped = Dropped(
            request.query_params.get("name", ""), content, max(len(content), int(size[0]) if size else 0)
        )
        try:
            opened = await run_in_threadpool(form.open_dropped, dropped, session)
        except UserError as error:
            return as_json({"refused": [str(message(found, session.language)) for found in error.problems]})
        return _nothing() if opened is None else as_json({"values": opened.values, "report": opened.report})

    def paths(self, request: Request) -> Response:
        """The contents of the folder that is being typed into a field."""
        form, typed = self._forms.get(request.path_params["form"]), request.query_params.get("typed", "")
        found: Any = offered_paths(form.fields, request.path_params["setting"], typed, form.reach) if form else None
        return _nothing() if found is None else as_json(found)

    def _session(self, form: FormController, request: Request) -> Session:
        return form.session_of(request, self._visitor(request))


def _nothing() -> Response:
    return PlainTextResponse("There is nothing here.\n", status_code=404)
