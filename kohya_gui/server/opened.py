"""The page's own routes of an opened run: what is shown of it, its pictures, and its files to download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from kohya_gui.i18n.language import language_of
from kohya_gui.i18n.messages import text
from kohya_gui.runs.control import find_known
from kohya_gui.runs.details.archive import zip_stream
from kohya_gui.runs.details.console import console_of
from kohya_gui.runs.details.curves import curves_of
from kohya_gui.runs.details.epochs import csv_of, rows_of
from kohya_gui.runs.details.files import archive_of, files_of, find_file, states_of
from kohya_gui.runs.details.pictures import marks_in, sheet_of, training_pictures
from kohya_gui.runs.details.record import record_of, sample_named
from kohya_gui.runs.details.report import report_of
from kohya_gui.runs.details.sending import prompt_of, result_named
from kohya_gui.runs.follow import follower
from kohya_gui.runs.history.notes import read_notes
from kohya_gui.runs.history.searching import Row
from kohya_gui.runs.history.summary import summary_of
from kohya_gui.runs.history.thumbnails import thumbnail
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import ACTIVE, RunInfo, find_run, read_run
from kohya_gui.server.answering import answer, as_json, attached
from kohya_gui.views import opened_console, opened_html
from kohya_gui.views.markup import checksum
from kohya_gui.views.opened_charts import charts_json

# Relative, so that they hold behind a proxy that serves the page under another address.
ADDRESS, PICTURES = "runs/", "pictures/"
ASSETS = Path(__file__).parents[1] / "assets"
UPLOT = ASSETS / "vendor" / "uplot"
SCRIPT, STYLE = "text/javascript", "text/css"
# What the browser loads once a run is opened, by the name in its address.
LOADED = {
    "opened.js": (ASSETS / "opened" / "opened.js", SCRIPT), "viewer.js": (ASSETS / "opened" / "viewer.js", SCRIPT),
    "charts.js": (ASSETS / "opened" / "charts.js", SCRIPT), "opened.css": (ASSETS / "opened" / "opened.css", STYLE),
    "uplot.js": (UPLOT / "uPlot.iife.min.js", SCRIPT), "uplot.css": (UPLOT / "uPlot.min.css", STYLE),
}  # fmt: skip
MOST_OTHERS = 100  # runs offered to be laid over a chart, the newest ones
MOST_LETTERS = 500  # of a search
SMALL, LARGE = 256, 1024  # pixels of the longer side: in the table of pictures, and of a training picture
SAFE = {"X-Content-Type-Options": "nosniff"}
KEPT = {**SAFE, "Cache-Control": "private, max-age=31536000, immutable"}  # a picture's name holds its time and seed
FRESH = {**SAFE, "Cache-Control": "no-cache"}


def opened_routes(forced_language: str) -> list[BaseRoute]:
    """The routes of an opened run; `forced_language` is that of every page, "" lets each browser have its own."""

    async def look(request: Request) -> Response:
        return await answer(request, forced_language, _look)

    async def console(request: Request) -> Response:
        return await answer(request, forced_language, _console)

    async def report(request: Request) -> Response:
        return await answer(request, forced_language, _report)

    async def prompt(request: Request) -> Response:
        return await answer(request, forced_language, _prompt)

    def curves(request: Request) -> Response:
        return _curves(request, language_of(request, forced_language))

    return [
        Route("/runs/opened", look, methods=["POST"]),
        Route("/runs/console", console, methods=["POST"]),
        Route("/runs/report", report, methods=["POST"]),
        Route("/runs/prompt", prompt, methods=["POST"]),
        Route("/runs/{run}/curves", curves),
        Route("/runs/assets/{name}", _asset),
        Route("/runs/{run}/epochs.csv", _table),
        Route("/runs/{run}/files/{name}", _file),
        Route("/runs/{run}/zip", _archive),
        Route("/runs/{run}/small/{name}", _small),
        Route("/runs/{run}/training", _training),
        Route("/runs/{run}/training/{number:int}", _training_picture),
    ]


def _look(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What is new about a run since the browser has asked last. Raises `UserError` if the run is gone."""
    folder = find_known(str(asked.get("run") or ""))
    given = asked.get("known")
    known = given if isinstance(given, dict) else {}
    record, info = record_of(folder), read_run(folder)
    if info is None:
        return {"gone": True}
    files, notes = files_of(folder, record), read_notes(folder)
    address = f"{ADDRESS}{quote(folder.name)}/"
    row = Row(info, notes, summary_of(folder))
    parts = {
        "opened-head": opened_html.head_html(row, follower(folder).view().errors, language),
        "opened-files": opened_html.files_html(
            folder.name, rows_of(record, files), address, bool(states_of(folder)), language
        ),
    }
    sheet = sheet_of(record, files)
    shown = opened_html.sheet_json(sheet, marks_in(sheet, notes.marks), info.status in ACTIVE, language)
    sums: dict[str, int] = {id: checksum(html) for id, html in parts.items()}
    sums["curves"] = record.revision
    sums["sheet"] = checksum(repr(shown))
    return {
        "active": info.status in ACTIVE, "sums": sums,
        "address": address, "pictures": f"{PICTURES}{quote(folder.name)}/",
        "parts": {id: html for id, html in parts.items() if known.get(id) != sums[id]},
        "sheet": shown if known.get("sheet") != sums["sheet"] else None,
        "shell": None if known else opened_html.shell_html(_others(folder), language),
    }  # fmt: skip


def _others(folder: Path) -> list[RunInfo]:
    """The newest runs beside this one that may have curves."""
    found = [one for one in list_runs() if one.status != "queued" and one.folder != folder]
    return found[:MOST_OTHERS]


def _console(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The console's lines, of which `words` are searched. Raises `UserError` if the run is gone."""
    folder = find_known(str(asked.get("run") or ""))
    console = console_of(folder / "console.log", str(asked.get("words") or "")[:MOST_LETTERS])
    html = opened_console.lines_html(console, follower(folder).view().said, language)
    total = checksum(html)
    return {
        "html": None if asked.get("known") == total else html, "sum": total,
        "count": opened_console.count_text(console, language),
    }  # fmt: skip


def _report(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """A report to be shown to others, and what to say once it is copied. Raises `UserError` if the run is gone."""
    return {"text": report_of(find_known(str(asked.get("run") or ""))), "told": text("ui.told.copied", language)}


def _prompt(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What calls a file of the run up in a prompt. Raises `UserError` if the run or the file is gone."""
    file = result_named(find_known(str(asked.get("run") or "")), str(asked.get("file") or ""))
    words = prompt_of(file.path)
    return {"text": words, "told": text("ui.told.prompt", language, prompt=words)}


def _curves(request: Request, language: str) -> Response:
    """The charts of a run as JSON."""
    folder = find_run(request.path_params["run"])
    info = read_run(folder) if folder is not None else None
    if folder is None or info is None:
        return _nothing()
    return as_json(charts_json(curves_of(record_of(folder)), info.name, language))


def _asset(request: Request) -> Response:
    """A script or a style sheet; it is asked for again at each opening, in case the program was updated."""
    found = LOADED.get(request.path_params["name"])
    return _nothing() if found is None else FileResponse(found[0], media_type=found[1], headers=FRESH)


def _table(request: Request) -> Response:
    """The table of epochs as CSV, in UTF-8 with the mark by which spreadsheets know it."""
    folder = find_run(request.path_params["run"])
    if folder is None:
        return _nothing()
    record = record_of(folder)
    table = csv_of(rows_of(record, files_of(folder, record)))
    headers = {**FRESH, "Content-Disposition": attached(f"{folder.name}-epochs.csv")}
    return Response(table.encode("utf-8-sig", errors="replace"), media_type="text/csv; charset=utf-8", headers=headers)


def _file(request: Request) -> Response:
    """A file that the run itself has written, by its name among them; whatever else has that name is not given.

    A result that is a folder is sent as a zip.
    """
    folder = find_run(request.path_params["run"])
    found = find_file(folder, request.path_params["name"]) if folder is not None else None
    if found is None:
        return _nothing()
    if found.parts:
        headers = {**FRESH, "Content-Disposition": attached(f"{found.name}.zip")}
        return StreamingResponse(zip_stream(found.entries), media_type="application/zip", headers=headers)
    return FileResponse(found.path, media_type="application/octet-stream", filename=found.name, headers=FRESH)


def _archive(request: Request) -> Response:
    """All files of a run as a zip, which is sent while it is made; `?states=1` adds those for resuming."""
    folder = find_run(request.path_params["run"])
    if folder is None:
        return _nothing()
    files = archive_of(folder, with_states=request.query_params.get("states") == "1")
    headers = {**FRESH, "Content-Disposition": attached(f"{folder.name}.zip")}
    return StreamingResponse(zip_stream(files), media_type="application/zip", headers=headers)


def _small(request: Request) -> Response:
    """A small copy of one of the run's sample pictures."""
    folder = find_run(request.path_params["run"])
    path = sample_named(folder, request.path_params["name"]) if folder is not None else None
    return _picture(path, SMALL, KEPT)


def _training(request: Request) -> Response:
    """How many pictures that the run learns from can be looked at."""
    folder = find_run(request.path_params["run"])
    return PlainTextResponse(str(len(training_pictures(folder)) if folder is not None else 0), headers=FRESH)


def _training_picture(request: Request) -> Response:
    """One of these pictures, by its number from 0."""
    folder, number = find_run(request.path_params["run"]), request.path_params["number"]
    paths = training_pictures(folder) if folder is not None else ()
    return _picture(paths[number] if number < len(paths) else None, LARGE, FRESH)


def _picture(path: Path | None, side: int, headers: Mapping[str, str]) -> Response:
    small = thumbnail(path, side) if path is not None else None
    return _nothing() if small is None else FileResponse(small, media_type="image/webp", headers=headers)


def _nothing() -> Response:
    return PlainTextResponse("There is no such thing in this run.\n", status_code=404)
