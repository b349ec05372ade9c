"""The page's routes for uploads: pictures, captions and zip files, which come in pieces (files/uploads.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from kohya_gui.files.reach import reach_of
from kohya_gui.files.uploads import Uploads
from kohya_gui.i18n.language import language_of
from kohya_gui.options import PageOptions
from kohya_gui.server.answering import answer, as_json, refusal
from kohya_gui.views.upload_html import left_html, report_html
from train_core.config.problems import UserError


def upload_routes(options: PageOptions, uploads: Uploads | None = None) -> list[BaseRoute]:
    """The routes of a page with these `options`."""
    answers = Answers(options, uploads or Uploads())
    return [
        Route("/files/upload/begin", answers.begin, methods=["POST"]),
        Route("/files/upload/part", answers.part, methods=["POST"]),
        Route("/files/upload/end", answers.end, methods=["POST"]),
        Route("/files/upload/drop", answers.drop, methods=["POST"]),
    ]


class Answers:
    """Handlers of the routes."""

    def __init__(self, options: PageOptions, uploads: Uploads) -> None:
        self._language = options.language
        self._reach = reach_of(options)
        self._uploads = uploads

    async def begin(self, request: Request) -> Response:
        """Which of the files to send, and under which id."""

        def of(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
            into = asked.get("into")
            folder = self._reach.must_find(into) if isinstance(into, str) and into else None
            name, repeats = asked.get("name"), asked.get("repeats")
            id, wanted, left = self._uploads.begin(
                name if isinstance(name, str) else "", repeats if isinstance(repeats, int) else 0, folder,
                _files(asked.get("files")),
            )
            return {"id": id, "wanted": wanted, "left": left_html(left, language)}

        return await answer(request, self._language, of)

    async def part(self, request: Request) -> Response:
        """Take a piece of a file: the bytes of the request from `at` on."""
        asked = request.query_params
        number, at = (_whole(asked.get(name)) for name in ("number", "at"))
        content = await request.body()
        try:
            await run_in_threadpool(self._uploads.write, asked.get("id", ""), number, at, content)
        except UserError as error:
            language = language_of(request, self._language)
            return as_json(refusal(error, language))
        return as_json({})

    async def end(self, request: Request) -> Response:
        """Put what has been sent into its place, and tell what became of it."""

        def of(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
            report = self._uploads.finish(str(asked.get("id")))
            taken = report.added + report.same > 0
            return {"folder": str(report.folder) if taken else "", "html": report_html(report, language)}

        return await answer(request, self._language, of)

    async def drop(self, request: Request) -> Response:
        """Forget an upload that was called off."""

        def of(asked: Mapping[str, Any], _language: str) -> dict[str, Any]:
            self._uploads.drop(str(asked.get("id")))
            return {}

        return await answer(request, self._language, of)


def _files(given: Any) -> list[tuple[str, int]]:
    """Names and sizes, from a browser that may say anything."""
    pairs = given if isinstance(given, list) else []
    return [
        (one[0], one[1]) for one in pairs
        if isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and type(one[1]) is int and one[1] >= 0
    ]  # fmt: skip


def _whole(text: str | None) -> int:
    """The number that `text` says, -1 for none."""
    return int(text[:15]) if text and text[:15].isascii() and text[:15].isdecimal() else -1
