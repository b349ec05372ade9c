"""The checks before everything that is served, gradio's own routes too: the host, the asking page, and the login."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kohya_gui.server.hosts import AllowedHosts, same_place
from kohya_gui.server.login import COOKIE, Attempts, safe_cookie

# Whatever is not named here is closed: gradio also offers uploads, a proxy, recordings, its login's token, …
PUBLIC = ("", "login", "static", "assets", "svelte", "theme.css", "favicon.ico", "robots.txt", "manifest.json")
OURS = ("tensorboard", "font-roboto", "pictures", "thumbnails", "form", "runs", "preferences", "files",
        "data", "evaluate")
API_PUBLIC = ("theme.css",)
API = ("info", "openapi.json", "login_check", "user", "app_id", "queue", "heartbeat", "cancel", "reset", "call", "run",
       "api", "component_server", "custom_component", "startup-events")  # fmt: skip
API_PREFIX = "gradio_api"
READING = ("GET", "HEAD")
LARGEST_BODY = 16 * 2**20  # bytes; a form with all its captions and prompts is far below
# Pages that may be opened by a link from elsewhere.
LINKED = ("/", "/tensorboard", "/tensorboard/")
ADDED_HEADERS = (
    (b"x-frame-options", b"SAMEORIGIN"),  # else a page of others could show ours and have its buttons pressed
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
)


class Guard:
    """Lets requests for known hosts, from our own pages, by whoever has logged in, through to `app`.

    `page` is gradio's app, which knows who has logged in; `prefix` the path under which a proxy serves everything.
    Anything else gets 403, 401 or 404 with one line that says why, a websocket is closed.
    """

    def __init__(
        self, app: ASGIApp, page: Any, hosts: AllowedHosts, prefix: str = "", attempts: Attempts | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.app = app
        self.page = page
        self.hosts = hosts
        self.prefix = prefix.rstrip("/")
        self.attempts = attempts or Attempts()
        self.pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        visit = Visit(scope, self.hosts, self.prefix)
        status, why = visit.refusal() or self._closed(visit) or (0, "")
        if status and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
        elif status:
            await PlainTextResponse(f"{why}\n", status, dict(_text(ADDED_HEADERS)))(scope, receive, send)
        elif visit.method == "POST" and visit.path.rstrip("/") == "/login":
            await self._log_in(visit, receive, self._sender(visit, send))
        else:
            await self.app(visit.scope, receive, self._sender(visit, send))

    def _closed(self, visit: Visit) -> tuple[int, str] | None:
        """Why this visitor may not have this path."""
        first, _, rest = visit.path.lstrip("/").partition("/")
        second = rest.partition("/")[0]
        public = first in PUBLIC or (first == API_PREFIX and second in API_PUBLIC)
        if not public and not may_enter(self.page, visit.connection):
            return 401, "Please log in on the page first."
        known = (*PUBLIC, *OURS, "config", "logout")
        if first not in known and not (first == API_PREFIX and second in (*API, *API_PUBLIC)):
            return 404, "There is nothing here."
        return None

    async def _log_in(self, visit: Visit, receive: Receive, send: Send) -> None:
        """Have a password checked, after a pause where there were wrong ones before."""
        pause = self.attempts.begin(visit.address)
        if pause is None:
            answer = PlainTextResponse("One at a time, please.\n", 429, {"Retry-After": "1"})
            await answer(visit.scope, receive, send)
            return
        right: bool | None = None

        async def watched(message: Message) -> None:
            nonlocal right
            if message["type"] == "http.response.start":
                right = None if message["status"] >= 500 else message["status"] < 400
            await send(message)

        try:
            await self.pause(pause)
            await self.app(visit.scope, receive, watched)
        finally:
            self.attempts.end(visit.address, right)

    def _sender(self, visit: Visit, send: Send) -> Send:
        """`send` with what gradio says about cookies and other sites replaced."""

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = (self._header(name, value, visit) for name, value in message.get("headers", []))
                message = {**message, "headers": [*(header for header in kept if header), *ADDED_HEADERS]}
            await send(message)

        return sender

    def _header(self, name: bytes, value: bytes, visit: Visit) -> tuple[bytes, bytes] | None:
        if name.lower().startswith(b"access-control-"):
            return None
        if name.lower() != b"set-cookie":
            return name, value
        cookie = safe_cookie(value.decode("latin-1"), self.prefix, visit.https)
        return None if cookie is None else (name, cookie.encode("latin-1"))


class Visit:
    """A request: for which host, from which page, by whom, with what its proxy adds taken from known proxies alone."""

    def __init__(self, scope: Scope, hosts: AllowedHosts, prefix: str) -> None:
        headers = Headers(scope=scope)
        self.hosts = hosts
        self.given = headers.getlist("host")
        self.host = self.given[0] if self.given else ""
        forwarded = headers.get("x-forwarded-host", "").partition(",")[0].strip()
        self.forwarded = forwarded if hosts.answers(forwarded) else ""
        trusted = bool(self.forwarded) or hosts.is_named(self.host)
        self.origin = headers.get("origin", "")
        self.referer = headers.get("referer", "")
        self.fetch = {name: headers.get(f"sec-fetch-{name}", "") for name in ("site", "mode", "dest")}
        self.length = headers.get("content-length", "")
        self.chunked = "transfer-encoding" in headers
        self.method = scope.get("method", "GET")
        proto = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() if trusted else ""
        self.https = "https" in (proto, scope.get("scheme")) or urlsplit(self.origin).scheme == "https"
        self.scope = _cleaned(scope, prefix, bool(self.forwarded), proto)
        self.path: str = self.scope["path"]
        self.address = self._address(headers, hosts.is_named(self.host) or hosts.is_named(forwarded))
        self.connection = HTTPConnection(self.scope)

    def refusal(self) -> tuple[int, str] | None:
        """Why nobody may ask this, whoever they are."""
        if len(self.given) != 1 or not self.hosts.answers(self.host):
            return 403, _unknown_host(self.host)
        if not self._from_own_page():
            return 403, _unknown_page(self.origin or self.referer)
        if self.method in READING or self.scope["type"] == "websocket":
            return None
        if self.chunked and not self.length:
            return 411, "Say how long the request is (Content-Length)."
        if self.length and (not self.length.isdecimal() or int(self.length[:12]) > LARGEST_BODY):
            return 413, "This is too much at once."
        return None

    def _from_own_page(self) -> bool:
        """Whether a page of ours asks, or no page at all: a typed address, a followed link, a program."""
        if self.origin:
            return self._is_own(self.origin)
        if self.fetch["site"] in ("cross-site", "same-site"):
            link = self.fetch["mode"] == "navigate" and self.fetch["dest"] == "document"
            return link and self.method in READING and self.path in LINKED
        if self.fetch["site"] or self.method in READING or not self.referer:
            return True
        return self._is_own(self.referer)

    def _is_own(self, page: str) -> bool:
        """Whether the address of a page is under a host of ours; a neighbour on another port is someone else."""
        asked_for = (self.host, self.forwarded) if self.forwarded else (self.host,)
        return any(same_place(page, host) for host in asked_for) or self.hosts.is_named_origin(page)

    def _address(self, headers: Headers, trusted: bool) -> str:
        """Who asks. Only a proxy on this machine, for a name that the user has given, is believed about others."""
        peer = str((self.scope.get("client") or ("",))[0])
        told = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return told if told and trusted and peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1") else peer


def may_enter(page: Any, visitor: HTTPConnection) -> bool:
    """Whether `page` (gradio's app) needs no login, or knows the token in the visitor's cookie."""
    if page.auth is None and page.auth_dependency is None:
        return True
    return visitor.cookies.get(f"{COOKIE}{page.cookie_id}") in page.tokens


def visitor(page: Any, connection: HTTPConnection) -> str:
    """The name with which whoever asks has logged in at `page` (gradio's app); "" without a login."""
    return page.tokens.get(connection.cookies.get(f"{COOKIE}{page.cookie_id}"), "")


def _cleaned(scope: Scope, prefix: str, forwarded: bool, proto: str) -> Scope:
    """`scope` without a proxy's prefix, and without what strangers say about the way that a request has come."""
    untrusted = [b"x-gradio-server"]
    untrusted += [] if forwarded else [b"x-forwarded-host"]
    untrusted += [] if proto else [b"x-forwarded-proto"]
    headers = [(name, value) for name, value in scope["headers"] if name.lower() not in untrusted]
    path = scope["path"]
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :] or "/"
    return {**scope, "headers": headers, "path": path}


def _unknown_host(host: str) -> str:
    return (
        f"Crucible does not answer to the name {host[:200]!r}. If it is served under this name, start it with "
        f"--allow-host {host[:200] or 'NAME'}."
    )


def _unknown_page(page: str) -> str:
    return (
        f"Crucible answers to its own pages alone, and {page[:200]!r} is none. If it is served there by a proxy, start "
        "it with --allow-host and the name of that place, with its port where it has one."
    )


def _text(headers: tuple[tuple[bytes, bytes], ...]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]
