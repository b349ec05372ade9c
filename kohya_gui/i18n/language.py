"""The language of a page: `--language`, else the choice kept in our cookie, else the browser's own."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kohya_gui.i18n.languages import nearest_language

COOKIE = "crucible_language"
# gradio translates by navigator.language alone, so this has to be settled before its own scripts run.
EARLY_SCRIPT = """<script>(() => {
  const language = %s;
  Object.defineProperty(navigator, "language", {get: () => language});
  Object.defineProperty(navigator, "languages", {get: () => [language]});
  document.documentElement.lang = language;
})();</script>"""


def language_of(request: Any, forced: str = "") -> str:
    """The language of this request (anything with `.headers` and `.cookies`)."""
    asked = forced or request.cookies.get(COOKIE) or request.headers.get("accept-language", "")
    return nearest_language(asked.split(",")[0])


class PageLanguage:
    """Puts the language choice at the top of every HTML page of `app`, where it runs before gradio's scripts.

    `head` is HTML that follows it there.
    """

    def __init__(self, app: ASGIApp, forced: str = "", head: str = "") -> None:
        self.app = app
        self.forced = forced
        self.head = str(head)  # Markup would escape the script before it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/", "/login", "/login/"):
            await self.app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        script = EARLY_SCRIPT % json.dumps(language_of(request, self.forced))
        if request.headers.get("accept-encoding"):
            # A compressed body could not be changed.
            scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app(scope, receive, _Insertion(send, script + self.head).send)


class _Insertion:
    """Passes a response on, and puts `head` behind `<head>` when it is an HTML page."""

    def __init__(self, send: Send, head: str) -> None:
        self._send = send
        self._head = head.encode("utf-8")
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            if b"text/html" in headers.get(b"content-type", b""):
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish()
            return
        await self._send(message)

    async def _finish(self) -> None:
        assert self._start is not None  # called only once an HTML response has begun
        body = self._body.replace(b"<head>", b"<head>" + self._head, 1)
        headers = [(n, v) for n, v in self._start["headers"] if n.lower() != b"content-length"]
        await self._send({**self._start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await self._send({"type": "http.response.body", "body": body})
