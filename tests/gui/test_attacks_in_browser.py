"""A page of somebody else, in the same browser, tries to drive Crucible; a proxy in front of it still works."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gui.opening import open_page, wait_until_filled
from tests.gui.test_demo_in_browser import fill

# What a page can do to another site: requests with and without leave to read, streams, sockets.
ATTACK = """async target => {
  const told = [];
  const patient = doing => Promise.race([new Promise(doing), new Promise(done => setTimeout(done, 20000))]);
  const tell = async (name, doing) => {
    try { const answer = await doing(); told.push([name, answer.type + " " + answer.status]); }
    catch (error) { told.push([name, "refused"]); }
  };
  const start = JSON.stringify({data: [], fn_index: 0, session_hash: "evil"});
  const join = target + "gradio_api/queue/join";
  await tell("read", () => fetch(target + "config", {credentials: "include"}));
  await tell("token", () => fetch(target + "gradio_api/token", {credentials: "include"}));
  await tell("json", () => fetch(join, {method: "POST", body: start, credentials: "include",
                                        headers: {"Content-Type": "application/json"}}));
  await tell("text", () => fetch(join, {method: "POST", body: start, mode: "no-cors", credentials: "include"}));
  await patient(done => {
    const stream = new EventSource(target + "gradio_api/queue/data?session_hash=evil", {withCredentials: true});
    stream.onopen = () => { told.push(["stream", "open"]); stream.close(); done(); };
    stream.onerror = () => { told.push(["stream", "refused"]); stream.close(); done(); };
  });
  await patient(done => {
    const socket = new WebSocket(target.replace("http", "ws") + "gradio_api/queue/join");
    socket.onopen = () => { told.push(["socket", "open"]); socket.close(); done(); };
    socket.onerror = () => { told.push(["socket", "refused"]); done(); };
  });
  return Object.fromEntries(told);
}"""


# A form needs nobody's leave to be sent anywhere.
FORM = """target => {
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, {method: "POST", action: target + "gradio_api/queue/join", enctype: "text/plain"});
  form.submit();
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>elsewhere</title><body>elsewhere</body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Proxy(Elsewhere):
    """A reverse proxy that serves `upstream` under /crucible/, strips that, and says so as nginx is usually told to."""

    upstream = ""

    def do_GET(self) -> None:
        place = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        length = int(self.headers.get("Content-Length") or 0)
        headers = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "connection", "accept-encoding")}
        headers |= {"Host": place.netloc, "X-Forwarded-Host": self.headers["Host"], "X-Forwarded-Proto": "http",
                    "X-Forwarded-For": self.client_address[0]}  # fmt: skip
        path = self.path.removeprefix("/crucible") or "/"
        connection.request(self.command, path, self.rfile.read(length) if length else None, headers)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while block := answer.read1(65536):
            self.wfile.write(block)
            self.wfile.flush()
        self.close_connection = True

    def do_POST(self) -> None:
        self.do_GET()


@contextmanager
def standing(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """The port of a server for `handler`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US")
    yield context.new_page()
    context.close()


def log_in(page: Page, address: str, name: str) -> None:
    page.goto(address)
    page.get_by_label("username", exact=False).fill(name)
    page.get_by_label("password", exact=False).fill(name)
    page.get_by_role("button", name="Login").click()
    wait_until_filled(page)


@pytest.mark.parametrize("user", ["", "ann"])
def test_a_page_of_somebody_else_reads_and_starts_nothing(page: Page, serve: Callable[..., str], tmp_path: Path, user):
    address = serve(tmp_path / "home", user)
    if user:
        log_in(page, address, user)
    else:
        open_page(page, address)
    with standing(Elsewhere) as port:
        for elsewhere in (f"http://127.0.0.1:{port}/", f"http://localhost:{port}/"):  # another port, another site
            page.goto(elsewhere)
            told = page.evaluate(ATTACK, address)
            assert told.pop("text") in ("opaque 0", "refused")  # sent, but nobody may see the answer: 403
            assert told == dict.fromkeys(["read", "token", "json", "stream", "socket"], "refused")
            page.evaluate(FORM, address)
            expect(page.locator("body")).to_contain_text("Crucible answers to its own pages alone")
    assert not list((tmp_path / "home" / "runs").glob("*"))


def test_behind_a_proxy_under_another_path_everything_works(page: Page, serve: Callable[..., str], tmp_path: Path):
    class Here(Proxy):
        pass

    with standing(Here) as port:
        public = f"http://localhost:{port}/crucible"
        Here.upstream = serve(
            tmp_path / "home", "ann", "--root_path", "/crucible", "--allow-host", f"localhost:{port}"
        )
        log_in(page, f"{public}/", "ann")
        fill(page, learning_rate="fast")
        expect(page.locator("#problems")).to_contain_text("learning_rate = 'fast'")
        page.get_by_role("tab", name="TensorBoard").click()
        expect(page.locator("#tensorboard-frame iframe")).to_be_visible()
        expect(page.frame_locator("#tensorboard-frame iframe").get_by_text("TensorBoard").first).to_be_visible()


def test_through_listen_the_page_works_under_the_machine_s_own_name(
    page: Page, serve: Callable[..., str], tmp_path: Path
):
    port = urlsplit(serve(tmp_path / "home", "", "--listen", "0.0.0.0")).port
    open_page(page, f"http://localhost:{port}/")
    fill(page, learning_rate="fast")
    expect(page.locator("#problems")).to_contain_text(re.compile("learning_rate = 'fast'"))
