"""Answering a question in JSON in the language of whoever asks, away from the server's own thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from kohya_gui.form.live import read_json
from kohya_gui.i18n.language import language_of
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import note
from train_core.config.problems import UserError

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
Answer = Callable[[Mapping[str, Any], str], dict[str, Any]]  # to the question, in a language


async def answer(request: Request, forced_language: str, of: Answer) -> Response:
    """What `of` gives for the request's JSON; what it refuses is told as HTML under `error`.

    `forced_language` is that of every page, "" lets each browser have its own.
    """
    language = language_of(request, forced_language)
    asked = read_json(await request.body())
    if not isinstance(asked, dict):
        return PlainTextResponse("A JSON object is missing.\n", status_code=400)
    try:
        found = await run_in_threadpool(of, asked, language)
    except UserError as error:
        found = refusal(error, language)
    return as_json(found)


def refusal(error: UserError, language: str) -> dict[str, Any]:
    """What is refused, as HTML under `error`."""
    return {"error": joined(note("error", message(one, language)) for one in error.problems)}


def as_json(found: Any) -> Response:
    """The answer `found`. Names of files may hold what UTF-8 has no place for, so it is written in ASCII."""
    return Response(json.dumps(found, allow_nan=False), media_type="application/json", headers=HEADERS)


def attached(name: str) -> str:
    """The header for a file to be saved under `name`, in any script."""
    return f"attachment; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
