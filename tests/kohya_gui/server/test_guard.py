"""Who may ask the page for what: other names, other pages, strangers, proxies, and every route that there is."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.routing import Mount

from kohya_gui.options import PageOptions
from kohya_gui.server import app
from kohya_gui.server.app import Served
from kohya_gui.server.board import Board
from kohya_gui.server.guard import LARGEST_BODY, Guard
from kohya_gui.server.hosts import AllowedHosts
from tests.kohya_gui.server.serving import RUN, STARTED, served, stand_in
from tests.loops import in_its_own_loop
from train_core.config.places import runs_dir

START = json.dumps({"data": ["by an attacker"], "fn_index": 0, "session_hash": "attacker"})
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def page(home) -> Iterator[Served]:
    """A page without a login, also served by proxies at train.example and second.example:8443."""
    with served(allow_host=("train.example", "second.example:8443")) as page:
        yield page


@pytest.fixture(scope="module")
def locked(home) -> Iterator[Served]:
    """A page with a login, served by a proxy at train.example too."""
    with served(username="ann", password="s3cret", allow_host=("train.example",)) as page:
        yield page


def raw(
    page: Served, method: str, path: str, headers: dict[str, str], body: str = ""
) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the answer to a request written by hand; a missing Host is this page's own."""
    place = urlsplit(page.local_url)
    sent = {"Host": place.netloc, "Connection": "close", **headers}
    if body:
        sent["Content-Length"] = str(len(body.encode()))
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    start, _, rest = answer.partition("\r\n\r\n")
    status, *lines = start.split("\r\n")
    return int(status.split()[1]), {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}, rest


def own(page: Served) -> str:
    return page.local_url.rstrip("/")


def test_the_page_s_own_start_goes_through(page):
    status, _, body = raw(page, "POST", "/gradio_api/queue/join", {**JSON, "Origin": own(page)}, START)
    assert status == 200, body
    pressed = httpx.post(f"{own(page)}/gradio_api/run/start", json={"data": ["by me"]}, trust_env=False)
    assert pressed.status_code == 200
    assert "by me" in STARTED


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/run/start", "/gradio_api/call/start"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:7860"},
        {"Host": "evil.example:7860", "Origin": "http://evil.example:7860", "Sec-Fetch-Site": "same-origin"},
        {"Host": "evil.example", "X-Forwarded-Host": "localhost"},
    ],
)
def test_a_name_that_was_made_to_lead_here_starts_nothing(page, path, headers):
    """DNS rebinding: the visited page's own name is this machine now, so that the browser takes all for one site."""
    STARTED.clear()
    status, _, body = raw(page, "POST", path, {**JSON, **headers}, START)
    assert status == 403
    assert "--allow-host evil.example" in body
    assert raw(page, "GET", "/config", headers)[0] == 403
    assert raw(page, "GET", f"/pictures/{RUN}/drawn.png", headers)[0] == 403
    assert not STARTED


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/run/start", "/gradio_api/call/start"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
        {"Origin": "https://train.example:9000"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
        {"Referer": "https://evil.example/page"},
        {"Content-Type": "text/plain", "Origin": "https://evil.example"},
    ],
)
def test_a_page_of_somebody_else_starts_nothing(page, path, headers):
    STARTED.clear()
    assert raw(page, "POST", path, {**JSON, **headers}, START)[0] == 403
    assert not STARTED


def test_a_page_of_somebody_else_reads_nothing(locked):
    """The login's token was given to any page that asked under a name other than localhost."""
    cookie = log_in(locked)
    for host in (urlsplit(locked.local_url).netloc, "train.example"):
        for path in ("/gradio_api/token", "/config", "/gradio_api/user", "/"):
            evil = {"Host": host, "Origin": "https://evil.example", "Cookie": cookie}
            status, headers, body = raw(locked, "GET", path, evil)
            assert status == 403
            assert cookie.partition("=")[2] not in body
            assert not [name for name in headers if name.startswith("access-control")]
            asked = {**evil, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
            status, headers, _ = raw(locked, "OPTIONS", path, asked)
            assert status == 403
            assert not [name for name in headers if name.startswith("access-control")]


def test_no_answer_allows_another_site_to_read_it_or_to_frame_it(page):
    for origin in ({}, {"Origin": own(page)}):
        for path in ("/", "/config", "/tensorboard/", f"/pictures/{RUN}/drawn.png"):
            status, headers, _ = raw(page, "GET", path, origin)
            assert status == 200
            assert not [name for name in headers if name.startswith("access-control")]
            assert headers["x-frame-options"] == "SAMEORIGIN"
            assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_link_from_elsewhere_opens_the_page_but_nothing_else(page):
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert raw(page, "GET", "/", link)[0] == 200
    assert raw(page, "GET", "/?__theme=dark", link)[0] == 200
    for path in ("/logout", "/config", f"/pictures/{RUN}/drawn.png", "/gradio_api/startup-events"):
        assert raw(page, "GET", path, link)[0] == 403
    assert raw(page, "GET", "/", {**link, "Sec-Fetch-Dest": "iframe"})[0] == 403
    assert raw(page, "GET", f"/pictures/{RUN}/drawn.png", {"Sec-Fetch-Site": "cross-site"})[0] == 403


def routes_of(app_: Any) -> list[tuple[str, str]]:
    """Every method and path of every route, with something in place of its parameters."""
    found = []
    for route in app_.routes:
        if isinstance(route, Mount):
            found += routes_of(route.app)
        elif hasattr(route, "path"):
            path = re.sub(r"\{[^}]*\}", "x", route.path)
            found += [(method, path) for method in sorted(getattr(route, "methods", None) or ["GET", "POST"])]
        else:  # routes that were included as a whole
            found += routes_of(route.original_router)
    return found


FREE = {
    ("GET", "/"), ("HEAD", "/"), ("POST", "/login"), ("POST", "/login/"), ("GET", "/svelte/x"), ("GET", "/static/x"),
    ("GET", "/assets/x"), ("HEAD", "/assets/x"), ("GET", "/favicon.ico"), ("GET", "/theme.css"),
    ("GET", "/gradio_api/theme.css"), ("GET", "/robots.txt"), ("GET", "/manifest.json"),
}  # fmt: skip


def all_routes() -> list[tuple[str, str]]:
    options = PageOptions(username="ann", password="s3cret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "page_options", lambda: {"ssr_mode": False})
        return routes_of(app.page_app(stand_in(None), options, 7860, Board(runs_dir()), {}, AllowedHosts("", 7860)))


def test_every_route_but_the_login_s_own_page_asks_for_the_login(locked):
    routes = all_routes()
    assert {("POST", "/gradio_api/cancel"), ("POST", "/gradio_api/reset"), ("GET", "/gradio_api/heartbeat/x"),
            ("GET", "/tensorboard/x"), ("GET", "/pictures/x/x"), ("GET", "/thumbnails/x/x"), ("POST", "/form/x"),
            ("GET", "/form/x/names"), ("GET", "/form/x/paths/x"), *FREE} <= set(routes)  # fmt: skip
    answers = {(m, path): raw(locked, m, path, {})[0] for m, path in routes if (m, path) not in FREE}
    assert {route: status for route, status in answers.items() if status != 401} == {}


def test_every_route_refuses_other_names_and_other_pages(locked):
    for method, path in all_routes():
        assert raw(locked, method, path, {"Host": "evil.example"})[0] == 403, path
        assert raw(locked, method, path, {"Origin": "https://evil.example"})[0] == 403, path


CLOSED = [
    ("POST", "/gradio_api/upload"), ("GET", "/gradio_api/upload_progress?upload_id=x"), ("GET", "/gradio_api/token"),
    ("GET", "/gradio_api/file=/etc/hostname"), ("GET", "/gradio_api/file=http://127.0.0.1:9/"),
    ("GET", "/gradio_api/file/etc/hostname"), ("GET", "/gradio_api/proxy=http://127.0.0.1:9/"), ("GET", "/monitoring"),
    ("POST", "/gradio_api/process_recording"), ("POST", "/gradio_api/vibe-edit"), ("GET", "/gradio_api/deep_link"),
    ("GET", "/gradio_api/dev/reload"), ("POST", "/gradio_api/stream/x"), ("GET", "/gradio_api/runs"),
    ("GET", "//gradio_api/upload"), ("GET", "/docs"), ("GET", "/openapi.json"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_what_the_page_does_not_need_is_closed_even_to_its_user(page, method, path):
    assert raw(page, method, path, {"Origin": own(page)}, "x" if method == "POST" else "")[0] == 404


def test_what_is_too_large_or_of_unknown_length_is_not_even_read(page):
    large = {**JSON, "Content-Length": str(LARGEST_BODY + 1)}
    assert raw(page, "POST", "/gradio_api/queue/join", large)[0] == 413
    assert raw(page, "POST", "/gradio_api/queue/join", {**JSON, "Transfer-Encoding": "chunked"})[0] == 411


def log_in(page: Served, **headers: str) -> str:
    """The cookie of a new login, as a browser sends it back."""
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    status, answered, body = raw(page, "POST", "/login", form, "username=ann&password=s3cret")
    assert status == 200, body
    return answered["set-cookie"].partition(";")[0]


def test_there_is_one_cookie_which_has_the_port_in_its_name(locked):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(f"{own(locked)}/login", data={"username": "ann", "password": "s3cret"}, trust_env=False)
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith(f"access-token-{urlsplit(locked.local_url).port}=")
    assert "Secure" not in cookie
    proxied = {**form, "Host": "train.example", "X-Forwarded-Proto": "https", "Origin": "https://train.example"}
    _, headers, _ = raw(locked, "POST", "/login", proxied, "username=ann&password=s3cret")
    assert {"HttpOnly", "SameSite=Lax", "Secure", "Path=/"} <= set(headers["set-cookie"].split("; "))
    strange = {**form, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    _, headers, _ = raw(locked, "POST", "/login", strange, "username=ann&password=s3cret")
    assert "Secure" not in headers["set-cookie"]


def config_of(page: Served, headers: dict[str, str]) -> dict[str, Any]:
    status, _, body = raw(page, "GET", "/config", {"Accept-Encoding": "identity", **headers})
    assert status == 200, body
    return json.loads(body)


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        ({"Host": "train.example", "X-Forwarded-Proto": "https"}, "https://train.example"),
        ({"Host": "second.example:8443", "X-Forwarded-Proto": "https"}, "https://second.example:8443"),
        ({"X-Forwarded-Host": "train.example", "X-Forwarded-Proto": "https"}, "https://train.example"),
    ],
)
def test_a_proxy_with_a_named_host_works_whether_it_hands_the_name_on_or_not(page, headers, root):
    assert config_of(page, headers)["root"] == root
    STARTED.clear()
    started = raw(page, "POST", "/gradio_api/run/start", {**JSON, **headers, "Origin": root}, '{"data": ["proxied"]}')
    assert started[0] == 200
    assert STARTED == ["proxied"]


def test_a_proxy_that_hands_no_name_on_works_for_pages_of_a_named_host(page):
    answer = raw(page, "POST", "/gradio_api/run/start", {**JSON, "Origin": "https://train.example"}, '{"data": ["x"]}')
    assert answer[0] == 200


@pytest.mark.parametrize("strange", ["evil.example", "evil.example, train.example", "192.0.2.1"])
def test_what_strangers_say_about_proxies_is_not_believed(page, strange):
    told = {"X-Forwarded-Host": strange, "X-Forwarded-Proto": "https", "X-Gradio-Server": "https://evil.example"}
    assert config_of(page, told)["root"] == own(page)


def test_a_whole_address_as_root_path_names_the_proxy_s_host(home):
    with served(root_path="https://train.example/crucible") as page:
        assert config_of(page, {"Host": "train.example"})["root"] == "https://train.example/crucible"


def test_a_page_that_listens_everywhere_is_reached_by_the_machine_s_addresses(home):
    with served(listen="0.0.0.0") as page:
        port = urlsplit(page.local_url).port
        assert page.local_url == f"http://localhost:{port}/"
        for name in ("127.0.0.1", "localhost", socket.gethostname()):
            assert raw(page, "GET", "/", {"Host": f"{name}:{port}"})[0] == 200
        assert raw(page, "GET", "/", {"Host": f"evil.example:{port}"})[0] == 403


def test_a_public_address_is_answered_once_its_tunnel_stands(home, monkeypatch):
    """The tunnel is a stand-in: nothing here leaves this machine."""
    asked = []

    def tunnel(host: str, port: int, *_: object) -> str:
        asked.append((host, port))
        return "http://abc123.gradio.live"

    monkeypatch.setattr(app.networking, "setup_tunnel", tunnel)
    with served(share=True, username="ann", password="s3cret") as page:
        assert page.share_url == "https://abc123.gradio.live"
        assert asked == [("127.0.0.1", urlsplit(page.local_url).port)]
        through = {"Host": "abc123.gradio.live", "Origin": "https://abc123.gradio.live"}
        cookie = log_in(page, **through)
        assert raw(page, "GET", "/config", {**through, "Cookie": cookie})[0] == 200
        assert raw(page, "GET", "/config", {"Host": "other.gradio.live", "Cookie": cookie})[0] == 403


def test_without_a_tunnel_the_page_is_served_all_the_same(home, monkeypatch, capsys):
    def tunnel(*_: object) -> str:
        raise RuntimeError("Could not get share link.")

    monkeypatch.setattr(app.networking, "setup_tunnel", tunnel)
    with served(share=True) as page:
        assert page.share_url is None
        assert "Could not get share link" in capsys.readouterr().out
        assert raw(page, "GET", "/", {})[0] == 200


class Door:
    """A guard over an app that knows one password, with the pauses that it made."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.reached: list[str] = []
        self.app = Guard(self._app, self, AllowedHosts("127.0.0.1", 80, ["train.example"]), pause=self._pause)
        self.auth, self.auth_dependency, self.cookie_id, self.tokens = None, None, "80", {}

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(scope["type"])
        right = scope.get("query_string") == b"right"
        await send({"type": "http.response.start", "status": 200 if right else 400, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def post(self, address: str, query: str = "", **headers: str) -> int:
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.post(f"/login?{query}", headers=headers)).status_code


@in_its_own_loop
async def test_wrong_passwords_make_their_address_wait_and_no_other():
    door = Door()
    for _ in range(6):
        assert await door.post("203.0.113.7", **{"X-Forwarded-For": "198.51.100.1"}) == 400
    assert door.pauses[-3:] == [1.0, 2.0, 4.0]
    assert await door.post("203.0.113.8") == 400
    assert door.pauses[-1] == 0.0
    assert await door.post("203.0.113.7", "right") == 200
    assert await door.post("203.0.113.7") == 400
    assert door.pauses[-2:] == [8.0, 0.0]


@in_its_own_loop
async def test_visitors_of_a_proxy_on_this_machine_wait_each_for_their_own_mistakes():
    door = Door()
    for _ in range(5):
        await door.post("127.0.0.1", Host="train.example", **{"X-Forwarded-For": "1.1.1.1, 198.51.100.1"})
    assert door.pauses[-1] > 0
    await door.post("127.0.0.1", Host="train.example", **{"X-Forwarded-For": "198.51.100.2"})
    assert door.pauses[-1] == 0.0


@pytest.mark.parametrize(
    "headers",
    [[(b"host", b"evil.example")], [(b"host", b"localhost"), (b"origin", b"https://evil.example")], [],
     [(b"host", b"localhost"), (b"host", b"evil.example")]],
)  # fmt: skip
@in_its_own_loop
async def test_a_websocket_from_elsewhere_is_closed(headers):
    door, sent = Door(), []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await door.app({"type": "websocket", "path": "/gradio_api/queue/join", "headers": headers}, receive, send)
    assert sent == ["websocket.close"]
    assert not door.reached
