"""The page's own routes of an opened run: what is shown of it, its pictures, and its files to download."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from kohya_gui.runs.control import find_known
from kohya_gui.runs.details.archive import zip_stream
from kohya_gui.runs.details.epochs import csv_of, rows_of
from kohya_gui.runs.details.files import archive_of, files_of, find_file, states_of
from kohya_gui.runs.details.pictures import marks_in, sheet_of, training_pictures
from kohya_gui.runs.details.record import record_of, sample_named
from kohya_gui.runs.history.notes import read_notes
from kohya_gui.runs.history.searching import Row
from kohya_gui.runs.history.summary import summary_of
from kohya_gui.runs.history.thumbnails import thumbnail
from kohya_gui.runs.registry import ACTIVE, find_run, read_run
from kohya_gui.server.answering import answer
from kohya_gui.views import opened_html

# Relative, so that they hold behind a proxy that serves the page under another address.
ADDRESS, PICTURES = "runs/", "pictures/"
ASSETS = Path(__file__).parents[1] / "assets"
SCRIPT, STYLE = "text/javascript", "text/css"
# What the browser loads once a run is opened, by the name in its address.
LOADED = {
    "opened.js": (ASSETS / "opened" / "opened.js", SCRIPT), "viewer.js": (ASSETS / "opened" / "viewer.js", SCRIPT),
    "opened.css": (ASSETS / "opened" / "opened.css", STYLE),
}  # fmt: skip
SMALL, LARGE = 256, 1024  # pixels of the longer side: in the table of pictures, and of a training picture
SAFE = {"X-Content-Type-Options": "nosniff"}
KEPT = {**SAFE, "Cache-Control": "private, max-age=31536000, immutable"}  # a picture's name holds its time and seed
FRESH = {**SAFE, "Cache-Control": "no-cache"}


def opened_routes(forced_language: str) -> list[BaseRoute]:
    """The routes of an opened run; `forced_language` is that of every page, "" lets each browser have its own."""

    async def look(request: Request) -> Response:
        return await answer(request, forced_language, _look)

    return [
        Route("/runs/opened", look, methods=["POST"]),
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
        "opened-head": opened_html.head_html(row, language),
        "opened-files": opened_html.files_html(
            rows_of(record, files), address, bool(states_of(folder)), language
        ),
    }
    sheet = sheet_of(record, files)
    shown = opened_html.sheet_json(sheet, marks_in(sheet, notes.marks), info.status in ACTIVE, language)
    sums: dict[str, int] = {id: zlib.crc32(html.encode(errors="replace")) for id, html in parts.items()}
    sums["sheet"] = zlib.crc32(repr(shown).encode(errors="replace"))
    return {
        "active": info.status in ACTIVE, "sums": sums,
        "address": address, "pictures": f"{PICTURES}{quote(folder.name)}/",
        "parts": {id: html for id, html in parts.items() if known.get(id) != sums[id]},
        "sheet": shown if known.get("sheet") != sums["sheet"] else None,
        "shell": None if known else opened_html.shell_html(language),
    }  # fmt: skip


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
    text = csv_of(rows_of(record, files_of(folder, record)))
    headers = {**FRESH, "Content-Disposition": _attached(f"{folder.name}-epochs.csv")}
    return Response(text.encode("utf-8-sig", errors="replace"), media_type="text/csv; charset=utf-8", headers=headers)


def _file(request: Request) -> Response:
    """A file that the run itself has written, by its name among them; whatever else has that name is not given."""
    folder = find_run(request.path_params["run"])
    found = find_file(folder, request.path_params["name"]) if folder is not None else None
    if found is None:
        return _nothing()
    return FileResponse(found.path, media_type="application/octet-stream", filename=found.name, headers=FRESH)


def _archive(request: Request) -> Response:
    """All files of a run as a zip, which is sent while it is made; `?states=1` adds those for resuming."""
    folder = find_run(request.path_params["run"])
    if folder is None:
        return _nothing()
    files = archive_of(folder, with_states=request.query_params.get("states") == "1")
    headers = {**FRESH, "Content-Disposition": _attached(f"{folder.name}.zip")}
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


def _attached(name: str) -> str:
    """The header for a file to be saved under `name`, in any script."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _nothing() -> Response:
    return PlainTextResponse("There is no such thing in this run.\n", status_code=404)
