"""The page's route for what is happening: the run beside the form, and the tool that was used last.

Each page asks once a second. What they look at is read and drawn once for all of them, and only what has changed is
sent; gradio, whose round trips cost much more, is left for the list of runs and the buttons (tabs/train_run.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kohya_gui.form.controller import FormController
from kohya_gui.runs import tools
from kohya_gui.runs.follow import Revision, RunView, follower
from kohya_gui.runs.registry import ACTIVE
from kohya_gui.runs.watched import watched
from kohya_gui.server.answering import answer
from kohya_gui.server.opened import PICTURES
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_run import controls_of
from kohya_gui.views.markup import checksum
from kohya_gui.views.run_html import charts_html, console_html, samples_html, status_html
from kohya_gui.views.tool_html import tool_html
from train_core.config.jobs import table

MOST_DRAWN = 100  # parts that are kept: the few runs that are looked at, in the few languages of those who look


class Part(NamedTuple):
    """A part of the page: the id of its element, what it is drawn from, and how; equal states are drawn alike."""

    place: str
    state: Hashable
    draw: Callable[[], Markup]


class Drawn:
    """HTML of parts as last drawn, for all who look, with its checksum."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[str, int]] = OrderedDict()

    def of(self, part: Part) -> tuple[str, int]:
        """The HTML of `part`. Two who ask at once may both draw it, which does no harm."""
        found = self._kept.get((part.place, part.state))
        if found is None:
            html = str(part.draw())
            found = self._kept[part.place, part.state] = (html, checksum(html))
            while len(self._kept) > MOST_DRAWN:
                self._kept.popitem(last=False)
        return found


def watched_routes(
    forms: Mapping[str, FormController], visitor: Callable[[Request], str], language: str
) -> list[BaseRoute]:
    """The route; `visitor` says who asks, whose try may have ended; `language` is that of every page or ""."""
    drawn = Drawn()

    async def watch(request: Request) -> Response:
        form, user = forms.get("train"), visitor(request)

        def of(asked: Mapping[str, Any], spoken: str) -> dict[str, Any]:
            tried = isinstance(form, TrainForm) and form.tries.is_over(user)
            return _watch(asked, spoken, drawn, tried=tried)

        return await answer(request, language, of)

    return [Route("/runs/watch", watch, methods=["POST"])]


def _watch(asked: Mapping[str, Any], language: str, drawn: Drawn, *, tried: bool) -> dict[str, Any]:
    """What is new for a browser that shows the run `shown`, knows `newest`, and has parts with the sums `known`.

    `controls` tells it to have gradio look again, where it differs from that of the panel's stamp; so does the outcome
    of a try, which is told by gradio.
    """
    shown, newest, known = asked.get("shown"), asked.get("newest"), asked.get("known")
    now = watched(_text(shown), _text(newest), recent=True)
    folder = tools.newest()
    tool = follower(folder).recent() if folder else None
    parts = {part.place: drawn.of(part) for part in [*_run_parts(now.view, language), _tool_part(tool, language)]}
    had = known if isinstance(known, dict) else {}
    return {
        "parts": {place: html for place, (html, total) in parts.items() if had.get(place) != total},
        "sums": {place: total for place, (_, total) in parts.items()},
        "controls": "tried" if tried else str(controls_of(now, language)),
        "tool": tool is not None and tool.status in ACTIVE,
    }


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) else None


def _run_parts(view: RunView | None, language: str) -> list[Part]:
    """The parts that show the run."""
    id, revision, status = (view.id, view.revision, view.status) if view else ("", Revision(), "")
    return [
        Part("run-status", (id, language, status, revision.status), lambda: status_html(view, language)),
        Part("run-charts", (id, language, revision.curves), lambda: charts_html(view, language)),
        Part("run-samples", (id, language, revision.pictures), lambda: samples_html(view, PICTURES, language)),
        Part("run-console", (id, language, revision.console), lambda: console_html(view, language)),
    ]


def _tool_part(view: RunView | None, language: str) -> Part:
    """The part that shows the tool, under the forms of its tab."""
    state = (view.id, view.status, view.revision.status, view.revision.pictures) if view else ("", "", 0, 0)
    of_evaluate = view is not None and any(row.name == view.job and row.tab == "evaluate" for row in table.tools())
    place = "evaluate-tool" if of_evaluate else "tool-view"
    return Part(place, (*state, language), lambda: tool_html(view, PICTURES, language))
