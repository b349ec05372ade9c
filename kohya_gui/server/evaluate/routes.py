"""The page's routes of the Evaluate tab: questions in JSON, the pictures of grids, and the tab's scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.runs.devices import usable_cores
from kohya_gui.runs.history.thumbnails import thumbnail
from kohya_gui.server.answering import answer
from kohya_gui.server.assets import asset_route
from kohya_gui.server.evaluate.answers import Answers
from kohya_gui.server.evaluate.export import export_routes
from kohya_gui.server.evaluate.grids import Grid, Grids
from kohya_gui.server.evaluate.verdicts import held_out
from kohya_gui.server.studio.asked import Asked, Found
from train_core.config.problems import UserError

SMALL = 320  # pixels of the longer side of a picture in the grid
LARGE = 1024  # of one that is looked at beside a drawn one
MOST_DECODERS = 4  # threads
NAMES = ("shell", "list", "open", "pulse", "mark", "facts", "notes", "verdict", "use")
# A picture's name is made of all that it is drawn from.
KEPT = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, max-age=31536000, immutable"}
CHANGING = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def evaluate_routes(forced_language: str) -> list[BaseRoute]:
    """The routes of the Evaluate tab; `forced_language` is that of every page, "" lets each browser have its own."""
    grids = Grids()
    answers = Answers(grids)
    decoders = ThreadPoolExecutor(min(MOST_DECODERS, usable_cores()), "shrinking")

    def route(name: str, of: Callable[[Asked, str], Found]) -> Route:
        async def handler(request: Request) -> Response:
            return await answer(request, forced_language, of)

        return Route(f"/evaluate/{name}", handler, methods=["POST"])

    def whole(request: Request) -> Response:
        path = grids.picture(request.path_params["id"], request.path_params["picture"])
        return _nothing() if path is None else FileResponse(path, media_type="image/png", headers=KEPT)

    def drawn(request: Request) -> Response:
        return _small(grids.picture(request.path_params["id"], request.path_params["picture"]), KEPT)

    def outside(of: Callable[[Grid, int], Path | None], side: int) -> Callable[[Request], Response]:
        def handler(request: Request) -> Response:
            try:
                path = of(grids.find(request.path_params["id"]), request.path_params["place"])
            except UserError:
                path = None
            return _small(path, CHANGING, side)

        return handler

    def in_turn(of: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def handler(request: Request) -> Response:
            return await asyncio.get_running_loop().run_in_executor(decoders, of, request)

        return handler

    return [
        *(route(name, getattr(answers, name)) for name in NAMES),
        asset_route("/evaluate", "evaluate"),
        Route("/evaluate/{id}/small/{picture}", in_turn(drawn)),
        Route("/evaluate/{id}/held_out/{place:int}", in_turn(outside(held_out, SMALL))),
        Route("/evaluate/{id}/original/{place:int}", in_turn(outside(Grid.original, LARGE))),
        Route("/evaluate/{id}/full/{picture}", whole),
        *export_routes(grids, forced_language),
    ]


def _small(path: Path | None, headers: Mapping[str, str], side: int = SMALL) -> Response:
    copy = thumbnail(path, side) if path is not None else None
    return _nothing() if copy is None else FileResponse(copy, media_type="image/webp", headers=headers)


def _nothing() -> Response:
    return PlainTextResponse("There is no such picture.\n", status_code=404)
