"""Downloads of the Evaluate tab: what is shown of a grid as labelled PNG files, or all of it as one HTML file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from kohya_gui.i18n.language import language_of
from kohya_gui.i18n.messages import text
from kohya_gui.runs.details.archive import zip_stream
from kohya_gui.server.answering import attached
from kohya_gui.server.evaluate.answers import described, title_of
from kohya_gui.server.evaluate.grids import Grid, Grids
from kohya_gui.server.evaluate.saved_by import notes_of
from kohya_gui.views.evaluate.alone import alone_html, data_address
from kohya_gui.views.evaluate.frame import GROUP
from kohya_gui.views.evaluate.picture_facts import facts_html
from train_core.config.problems import UserError
from train_core.facts.grids.sheet import Slice, Words, write_sheets

HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
BASES: dict[str, Literal["column", "row"]] = {"column": "column", "row": "row"}


def export_routes(grids: Grids, forced_language: str) -> list[BaseRoute]:
    """The routes of the downloads; `forced_language` is that of every page, "" lets each browser have its own."""

    def route(name: str, of: Callable[[Grid, Slice, str], Response]) -> Route:
        def handler(request: Request) -> Response:
            try:
                grid = grids.find(request.path_params["id"])
                shown = _slice(grid, request)
            except (UserError, ValueError):
                return PlainTextResponse("There is no such grid.\n", status_code=404)
            return of(grid, shown, language_of(request, forced_language))

        return Route(f"/evaluate/{{id}}/{name}", handler)

    return [route("sheet", _sheet), route("page", _page)]


def _slice(grid: Grid, request: Request) -> Slice:
    """What of the grid is asked for. Raises ValueError for what it has not."""
    asked, axes = request.query_params, grid.facts.axes
    across, down = (int(asked.get(name, "-1")) for name in ("across", "down"))
    at = tuple(int(value) for value in asked.get("at", "").split(",") if value)
    fits = all(-1 <= axis < len(axes) for axis in (across, down)) and (across != down or across == -1)
    inside = len(at) == len(axes) and all(0 <= at[place] < len(one.labels) for place, one in enumerate(axes))
    if not (fits and inside):
        raise ValueError("There are no such axes.")
    chosen = [None if axis < 0 else axis for axis in (across, down)]
    return Slice(grid.facts, chosen[0], chosen[1], at, BASES.get(asked.get("base", ""), ""))


def _sheet(grid: Grid, shown: Slice, language: str) -> Response:
    """What is shown as a PNG, or as a zip of several."""
    folder = Path(tempfile.mkdtemp(prefix="crucible-sheet-"))
    end = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    titles = [title_of(axis.kind, language) for axis in grid.facts.axes]
    words = Words(titles, text(f"ui.{GROUP}.without_label", language))
    try:
        written = write_sheets(grid.folder, shown, words, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if len(written) == 1:
        headers = {**HEADERS, "Content-Disposition": attached(f"{grid.id}.png")}
        return FileResponse(written[0], media_type="image/png", headers=headers, background=end)
    headers = {**HEADERS, "Content-Disposition": attached(f"{grid.id}.zip")}
    files = zip_stream({path.name: path for path in written})
    return StreamingResponse(files, media_type="application/zip", headers=headers, background=end)


def _page(grid: Grid, shown: Slice, language: str) -> Response:
    """All of the grid as an HTML file, which first shows what is shown now."""
    across, down = (-1 if axis is None else axis for axis in (shown.across, shown.down))
    view = {
        **described(grid, language, lambda place: data_address(grid.original(place))),
        "notes": notes_of(grid, language), "shown": {"across": across, "down": down, "at": shown.at},
    }  # fmt: skip
    facts = [str(facts_html(grid.facts.pictures[name], language)) for name in grid.names]
    pieces = alone_html(view, facts, [grid.folder.picture(name) for name in grid.names], language)
    headers = {**HEADERS, "Content-Disposition": attached(f"{grid.id}.html")}
    return StreamingResponse(pieces, media_type="text/html; charset=utf-8", headers=headers)
