"""The page's routes of the Data tab: questions in JSON, the pictures, and the tab's scripts."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.files.reach import Reach
from kohya_gui.runs.devices import usable_cores
from kohya_gui.server.answering import answer
from kohya_gui.server.assets import asset_route
from kohya_gui.server.studio.answers import Answers
from kohya_gui.server.studio.asked import Asked, Found
from kohya_gui.server.studio.box_answers import BoxAnswers
from kohya_gui.server.studio.caption_answers import OF_CAPTIONS, CaptionAnswers
from kohya_gui.server.studio.coverage_answers import CoverageAnswers
from kohya_gui.server.studio.export_answers import ExportAnswers
from kohya_gui.server.studio.opened_sets import Studios
from kohya_gui.server.studio.paint_answers import PaintAnswers
from kohya_gui.server.studio.site_tags import SiteTags
from kohya_gui.server.studio.source_answers import SourceAnswers
from train_core.facts.models.thumbnails import whole_picture
from train_core.studio.thumbnails import thumbnail

MOST_DECODERS = 8  # threads, each of which keeps memory that pictures needed once
OF_SOURCES = ("add_source", "remove_source", "forget", "take_listed", "place", "added", "to_data")
# What browsers show by themselves; anything else is sent to them as PNG.
SHOWN = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
    ".avif": "image/avif", ".bmp": "image/bmp",
}  # fmt: skip
SAFE = {"X-Content-Type-Options": "nosniff"}
KEPT = {**SAFE, "Cache-Control": "private, max-age=31536000, immutable"}  # the address holds the file's time and size
FRESH = {**SAFE, "Cache-Control": "no-cache"}


def studio_routes(
    forced_language: str, reach: Reach, studios: Studios | None = None, site: SiteTags | None = None
) -> list[BaseRoute]:
    """The routes of the Data tab. `reach` is what the page may show of the disk.

    `forced_language` is the language of every page, "" lets each browser have its own.
    """
    studios = studios or Studios()
    answers = Answers(studios, reach, site or SiteTags())

    def route(name: str, of: Callable[[Asked, str], Found]) -> Route:
        async def handler(request: Request) -> Response:
            return await answer(request, forced_language, of)

        return Route(f"/data/{name}", handler, methods=["POST"])

    decoders = ThreadPoolExecutor(min(MOST_DECODERS, usable_cores()), "decoding")

    def picture(name: str, of: Callable[[Path], Response]) -> Route:
        def send(request: Request) -> Response:
            path = answers.picture(request.path_params["set"], request.path_params["picture"])
            return _nothing() if path is None else _sent(path, of)

        async def handler(request: Request) -> Response:
            return await asyncio.get_running_loop().run_in_executor(decoders, send, request)

        return Route(f"/data/{{set}}/{name}/{{picture:int}}", handler)

    def erased(request: Request) -> Response:
        """A picture as an export would erase it."""
        set, id = request.path_params["set"], request.path_params["picture"]
        path = answers.picture(set, id)
        if path is None:
            return _nothing()
        return _sent(path, lambda _: _png(paint.erased({"id": set, "picture": id}), FRESH))

    boxes = BoxAnswers(answers.listing, answers.changed)
    paint = PaintAnswers(answers.listing, answers.changed)
    exports = ExportAnswers(answers.listing, reach)
    sources = SourceAnswers(studios, reach, answers.listing, answers.changed)
    captions = CaptionAnswers(answers.listing, answers.changed, answers.state, answers.words.categories_of_all)
    names = ("sets", "open", "opening", "list", "pulse", "side", "mark", "undo", "redo", "shots", "groups", "found")
    return [
        route("shell", answers.shell),
        *(route(name, getattr(answers, name)) for name in names),
        *(route(name, getattr(captions, name)) for name in OF_CAPTIONS),
        *(route(name, getattr(boxes, name)) for name in ("boxes", "put_boxes", "propose", "box_kinds")),
        *(route(name, getattr(paint, name)) for name in ("painted", "paint")),
        *(route(name, getattr(exports, name)) for name in ("plan", "balance", "export", "exported")),
        *(route(name, getattr(answers.words, name)) for name in ("complete", "categories", "put_categories")),
        route("coverage", CoverageAnswers(answers.listing).coverage),
        *(route(name, getattr(sources, name)) for name in OF_SOURCES),
        asset_route("/data", "studio"),
        picture("small", _thumbnail),
        picture("full", _whole),
        Route("/data/{set}/erased/{picture:int}", erased),
    ]


def _sent(path: Path, of: Callable[[Path], Response]) -> Response:
    """A picture as `of` sends it, or 404."""
    try:
        return of(path)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        return PlainTextResponse(f"There is no picture: {type(error).__name__}\n", status_code=404)


def _thumbnail(path: Path) -> Response:
    content = thumbnail(path).read_bytes()  # at once, since whoever measures pictures may put another one there
    return Response(content, media_type="image/jpeg", headers=KEPT)


def _whole(path: Path) -> Response:
    kind = SHOWN.get(path.suffix.lower())
    if kind is not None:
        return FileResponse(path, media_type=kind, headers=KEPT)
    return _png(whole_picture(path), KEPT)


def _png(picture: Image.Image, headers: Mapping[str, str]) -> Response:
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=1)
    return Response(content.getvalue(), media_type="image/png", headers=dict(headers))


def _nothing() -> Response:
    return PlainTextResponse("There is no such picture.\n", status_code=404)
