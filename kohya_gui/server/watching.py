"""The page's own routes for what goes on while nobody presses anything: runs that have ended, and the cards' state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kohya_gui.i18n.messages import text, translate
from kohya_gui.runs.card_watch import states_now
from kohya_gui.runs.history.summary import summary_of
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import ACTIVE, RunInfo
from kohya_gui.server.answering import answer
from kohya_gui.views.card_html import cards_html
from kohya_gui.views.run_html import duration_text

MOST_SEEN = 1_000  # runs that a browser may ask about at once
MOST_LETTERS = 200  # of an error; a desktop shows fewer still
WORDS = ("on", "off", "blocked")


def watching_routes(forced_language: str) -> list[BaseRoute]:
    """The routes; `forced_language` is that of every page, "" lets each browser have its own."""

    async def ended(request: Request) -> Response:
        return await answer(request, forced_language, _ended)

    async def cards(request: Request) -> Response:
        return await answer(request, forced_language, _cards)

    return [Route("/runs/ended", ended, methods=["POST"]), Route("/runs/cards", cards, methods=["POST"])]


def _ended(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The runs that wait or work, and what to say of those that have ended since the browser has asked last.

    The browser tells which runs it has seen waiting or at work (`seen`), and the newest run that it knows (`newest`).
    """
    given, newest = asked.get("seen"), asked.get("newest")
    seen = {one for one in given[:MOST_SEEN] if isinstance(one, str)} if isinstance(given, list) else set()
    runs = list_runs()
    over = [run for run in runs if run.status not in ACTIVE and (run.id in seen or _is_newer(run, newest))]
    return {
        "seen": [run.id for run in runs if run.status in ACTIVE][:MOST_SEEN],
        "newest": runs[0].id if runs else "",
        "ended": [_news(run, language) for run in reversed(over)],
        "words": {name: text(f"ui.notify.{name}", language) for name in WORDS}
        | {"theme": text("ui.prefer.theme", language)},
    }


def _is_newer(run: RunInfo, newest: Any) -> bool:
    return isinstance(newest, str) and run.id > newest


def _news(run: RunInfo, language: str) -> dict[str, str]:
    """Title and words of what is said of a run that has ended: its time, or what has ended it."""
    summary = summary_of(run.folder)
    if run.status == "failed" and summary.error is not None:
        words = translate(summary.error, language).partition("\n")[0]
        words = words if len(words) <= MOST_LETTERS else f"{words[:MOST_LETTERS]}…"
    else:
        words = f"{text('ui.run.took', language)}: {duration_text(summary.seconds)}" if summary.seconds else ""
    status = text(f"ui.status.{run.status}", language)
    return {"run": run.id, "title": text("ui.notify.title", language, name=run.name, status=status), "words": words}


def _cards(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The state of the cards as HTML, "" while nothing is at work or nothing is known."""
    return {"html": cards_html(states_now(), language)}
