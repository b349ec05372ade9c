"""The page's own routes of the Runs tab: what is new about the queue and the history, and what is done with them.

gradio's round trips take a second; these take milliseconds, and only what has changed is sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.i18n.messages import text
from kohya_gui.preferring import known_webuis
from kohya_gui.runs.control import find_known
from kohya_gui.runs.details.evaluating import evaluations_of, measuring_of
from kohya_gui.runs.details.files import find_file
from kohya_gui.runs.details.sending import results_of, words_of
from kohya_gui.runs.history.deleting import belongings
from kohya_gui.runs.history.differences import differences
from kohya_gui.runs.history.notes import read_notes
from kohya_gui.runs.history.searching import GROUPS, Query, search
from kohya_gui.runs.history.summary import summary_of
from kohya_gui.runs.history.thumbnails import thumbnail
from kohya_gui.runs.queue.afterwards import asked as asked_after
from kohya_gui.runs.queue.editing import settings_text
from kohya_gui.runs.queue.listing import listed
from kohya_gui.runs.queue.queue_file import Queue, load
from kohya_gui.runs.queue.runner import is_run
from kohya_gui.runs.queue.times import clock
from kohya_gui.runs.registry import ACTIVE, find_run, info_of, read_run
from kohya_gui.runs.tools import tools_for_adapters
from kohya_gui.server.answering import answer
from kohya_gui.server.opened import opened_routes
from kohya_gui.server.run_acts import Asked, do
from kohya_gui.server.watching import watching_routes
from kohya_gui.views import queue_html, run_dialogs, runs_html
from kohya_gui.views.markup import checksum, joined, message
from kohya_gui.views.row_parts import note
from train_core.config.problems import UserError, problem
from train_core.facts.grids.templates import TEMPLATES

ADDRESS = "runs/"  # relative, so that it holds behind a proxy that serves the page under another address
MOST_LETTERS = 500  # of a search


def run_routes(forced_language: str = "") -> list[BaseRoute]:
    """The routes of the Runs tab; `forced_language` is that of every page, "" lets each browser have its own."""
    answers = Answers(forced_language)
    return [
        Route("/runs/look", answers.look, methods=["POST"]),
        Route("/runs/act", answers.act, methods=["POST"]),
        Route("/runs/dialog", answers.dialog, methods=["POST"]),
        Route("/runs/{run}/thumbnail/{name}", answers.picture),
        *opened_routes(forced_language),
        *watching_routes(forced_language),
    ]


class Answers:
    """Handlers of the routes."""

    def __init__(self, forced_language: str) -> None:
        self._forced = forced_language

    async def look(self, request: Request) -> Response:
        """What has changed in the lists since the browser has asked last."""
        return await answer(request, self._forced, _look)

    async def act(self, request: Request) -> Response:
        """Do something with a run or with the queue."""
        return await answer(request, self._forced, _act)

    async def dialog(self, request: Request) -> Response:
        """What is to be asked before something is done."""
        return await answer(request, self._forced, _dialog)

    def picture(self, request: Request) -> Response:
        """A small copy of the run's newest sample picture, or 404."""
        folder = find_run(request.path_params["run"])
        path = summary_of(folder).thumbnail if folder is not None else None
        small = thumbnail(path) if path is not None and path.name == request.path_params["name"] else None
        if small is None:
            return PlainTextResponse("There is no such picture.\n", status_code=404)
        headers = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
        return FileResponse(small, media_type="image/webp", headers=headers)


def _look(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    known = asked.get("known")
    parts, lists = _everything(_query(asked.get("query")), language)
    return _news(parts, lists, known if isinstance(known, dict) else {})


def _everything(query: Query, language: str) -> tuple[dict[str, Markup], dict[str, queue_html.Rows]]:
    """All parts of the tab by the id of their element, and the rows of its lists."""
    problems: tuple[Markup, ...] = ()
    try:
        queue = load()
    except UserError as error:  # the history is shown all the same
        queue = Queue(paused=True)
        problems = tuple(note("error", message(one, language)) for one in error.problems)
    runs, found = listed(queue), search(query)
    parts = {
        "queue-head": queue_html.queue_head_html(queue, runs, is_run(), language),
        "queue-end": joined(problems) + queue_html.queue_end_html(queue, language),
        "history-head": runs_html.history_head_html(language),
        "history-tags": runs_html.history_tags_html(found, query, language),
        "history-empty": runs_html.history_empty_html(found, language),
        "history-pages": runs_html.history_pages_html(found, language),
    }
    lists = {
        "queue-rows": queue_html.queue_rows(runs, time.time(), language),
        "history-rows": runs_html.history_rows(found, ADDRESS, language),
    }
    return parts, lists


def _news(
    parts: Mapping[str, Markup], lists: Mapping[str, queue_html.Rows], known: Mapping[str, Any]
) -> dict[str, Any]:
    """What is not `known`, a checksum by name, with all checksums; a known row is sent by its name alone."""
    sums = {id: checksum(html) for id, html in parts.items()}
    sums |= {f"{id} {run}": checksum(html) for id, rows in lists.items() for run, html in rows}
    return {
        "sums": sums,
        "parts": {id: html for id, html in parts.items() if known.get(id) != sums[id]},
        "lists": {
            id: [[run, None if known.get(f"{id} {run}") == sums[f"{id} {run}"] else html] for run, html in rows]
            for id, rows in lists.items()
        },
    }


def _query(asked: Any) -> Query:
    """What to look for, from a browser that may ask for anything."""
    given = asked if isinstance(asked, dict) else {}
    page, group = given.get("page"), str(given.get("group"))
    return Query(
        words=str(given.get("words") or "")[:MOST_LETTERS], group=group if group in GROUPS else "all",
        tag=str(given.get("tag") or "")[:MOST_LETTERS], page=page if isinstance(page, int) else 1,
    )


def _act(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    fields = {name: value for name, value in asked.items() if isinstance(value, str)}
    done = do(fields.get("act", ""), Asked(fields.get("run", ""), fields))
    told = Markup("{}").format(text(done.told, language, **done.params)) if done.told else ""
    return {"told": told, "load": done.load}


def _dialog(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The contents of the dialog about one run, or about two that are compared. Raises `UserError`."""
    what = asked.get("dialog")
    runs = [str(run) for run in asked.get("runs", ()) if run] if isinstance(asked.get("runs"), Sequence) else []
    if what == "differences" and len(runs) > 1:
        first, second = find_known(runs[0]), find_known(runs[1])
        html = run_dialogs.differences_dialog(
            (first.name, second.name), differences(first, second), language
        )
        return {"html": html}
    folder = find_known(runs[0] if runs else "")
    run, info = folder.name, info_of(folder)
    name = info.name if info is not None else run
    if what == "edit":
        html = run_dialogs.edit_dialog(run, name, settings_text(folder), language)
    elif what == "at":
        entry = load().find(run)
        now = time.time()
        typed = clock(entry.not_before, now) if entry is not None and entry.not_before > now else ""
        html = run_dialogs.at_dialog(run, name, typed, language)
    elif what == "tools":
        file = find_file(folder, str(asked.get("file") or ""))
        if file is None:
            raise UserError(problem("run_file_gone", "The run has no such file any more."))
        html = run_dialogs.tools_dialog(file.name, file.path, tools_for_adapters(), language)
    elif what == "send":
        chosen = str(asked.get("file") or "")
        results = results_of(folder)
        named = next((one for one in results if one.name == chosen), results[-1] if results else None)
        words = words_of(named.path) if named is not None else ""
        html = run_dialogs.send_dialog(run, name, results, chosen, words, known_webuis(), language)
    elif what == "evaluate":
        html = _evaluate_dialog(folder, name, language)
    elif what == "kill":
        html = run_dialogs.kill_dialog(run, name, language)
    elif what == "remove":
        waits = load().find(run)
        html = run_dialogs.remove_dialog(run, name, waits is not None and bool(waits.before), language)
    elif what == "delete":
        html = run_dialogs.delete_dialog(run, name, belongings(folder), language)
    else:
        html = run_dialogs.note_dialog(run, name, read_notes(folder), language)
    return {"html": html}


def _evaluate_dialog(folder: Path, name: str, language: str) -> Markup:
    """What a run's files can be looked at with now, or what is to be drawn once it has ended."""
    info = read_run(folder)
    if info is None or info.status not in ACTIVE:
        return run_dialogs.evaluate_dialog(name, evaluations_of(folder), measuring_of(folder), language)
    chosen = asked_after().get(folder.name, "")
    return run_dialogs.evaluate_later_dialog(folder.name, name, ["own", *TEMPLATES], chosen, language)
