"""The login check for everything that is served beside gradio's own routes."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """Passes HTTP requests on to `app` if gradio's login allows it; else answers 401.

    gradio's login covers its own routes only, so every route of ours stands behind one of these.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if may_enter(scope["app"], HTTPConnection(scope)):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("Please log in on the page first.\n", status_code=401)(scope, receive, send)


def may_enter(page: Any, visitor: HTTPConnection) -> bool:
    """Whether `page` (gradio's app) needs no login, or knows the token in the visitor's cookie."""
    if page.auth is None and page.auth_dependency is None:
        return True
    names = (f"access-token-{page.cookie_id}", f"access-token-unsecure-{page.cookie_id}")
    return any(visitor.cookies.get(name) in page.tokens for name in names)
