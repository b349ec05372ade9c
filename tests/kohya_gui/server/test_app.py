"""The server around the page: one port, one login, TensorBoard and pictures beside it. The page is a stand-in."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.routing import Route

from kohya_gui.files.reach import EVERYWHERE
from kohya_gui.options import PageOptions
from kohya_gui.server import app, listener
from kohya_gui.server.evaluate.routes import evaluate_routes
from kohya_gui.server.studio.routes import studio_routes
from tests.kohya_gui.server.serving import RUN, served
from tests.loops import in_its_own_loop
from train_core.config.places import runs_dir

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def open_address(home) -> Iterator[str]:
    with served() as page:
        yield page.local_url


@pytest.fixture(scope="module")
def closed_address(home) -> Iterator[str]:
    with served(username="ann", password="s3cret") as page:
        yield page.local_url


@pytest.fixture(params=["open_address", "closed_address"])
def visitor(request) -> Iterator[httpx.Client]:
    """Someone who has logged in where that is asked for."""
    with httpx.Client(base_url=request.getfixturevalue(request.param), timeout=60, trust_env=False) as client:
        if request.param == "closed_address":
            log_in(client)
        yield client


@pytest.fixture
def stranger(closed_address) -> Iterator[httpx.Client]:
    """Someone who has not logged in."""
    with httpx.Client(base_url=closed_address, timeout=60, trust_env=False) as client:
        yield client


def log_in(client: httpx.Client) -> None:
    assert client.post("/login", data={"username": "ann", "password": "s3cret"}).json() == {"success": True}


def test_the_page_is_there(visitor):
    assert "<html" in visitor.get("/").text
    assert visitor.get("/config").json()["components"]


def test_tensorboard_works_before_any_log_exists_and_later_shows_the_scalar(visitor, home):
    assert "<html" in visitor.get("/tensorboard/").text.lower() or "tb-" in visitor.get("/tensorboard/").text
    assert visitor.get("/tensorboard/data/environment").json()["data_location"] == str(runs_dir())
    logs = runs_dir() / RUN / "logs"
    _write_scalar(logs, "loss/average", 0.25)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        tags = visitor.get("/tensorboard/data/plugin/scalars/tags").json()
        if tags:
            break
        time.sleep(0.5)
    assert tags == {f"{RUN}{os.sep}logs": {"loss/average": {"displayName": "loss/average", "description": ""}}}


def _write_scalar(folder: Path, tag: str, value: float) -> None:
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415 - heavy
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415
    from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415

    writer = EventFileWriter(str(folder))
    writer.add_event(Event(step=1, wall_time=1.0, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)])))
    writer.close()


def test_the_short_address_of_tensorboard_leads_on_by_a_relative_link(visitor):
    assert visitor.get("/tensorboard").headers["location"] == "tensorboard/"


def test_tensorboard_names_no_place_of_the_server_so_it_works_under_any_prefix(visitor):
    assert 'content="./"' in visitor.get("/tensorboard/").text


@pytest.mark.parametrize("stripped", [True, False])
def test_a_proxy_may_serve_everything_under_a_prefix_that_it_strips_or_not(home, stripped):
    with (
        served(root_path="/crucible") as page,
        httpx.Client(base_url=page.local_url, trust_env=False, timeout=60) as client,
    ):
        prefix = "" if stripped else "/crucible"
        assert client.get(f"{prefix}/tensorboard/data/environment").json()["version"]
        assert client.get(f"{prefix}/pictures/{RUN}/drawn.png").status_code == 200


def test_tensorboards_fonts_are_found_where_its_page_asks_for_them(visitor):
    asked = re.search(r"url\((/font-roboto/[^)]+)\)", visitor.get("/tensorboard/").text).group(1)
    answer = visitor.get(asked, follow_redirects=True)
    assert answer.status_code == 200
    assert answer.content.startswith(b"wOF2")


def test_a_drawn_picture_is_served(visitor, home):
    answer = visitor.get(f"/pictures/{RUN}/drawn.png")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == (home / "out 家" / "sample" / "drawn.png").read_bytes()
    assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        f"{RUN}/other.png", f"{RUN}/gone.png", f"{RUN}/secret.txt", f"{RUN}/events.jsonl",
        f"{RUN}/..%2f..%2fsecret.txt", "20260101-000000-none/drawn.png", f"..%2f{RUN}/drawn.png",
        "../secret.txt", f"{RUN}/", "",
    ],
)  # fmt: skip
def test_nothing_but_drawn_pictures_is_served(visitor, path):
    answer = visitor.get(f"/pictures/{path}")
    assert answer.status_code == 404
    assert "geheim" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/tensorboard", "/tensorboard/", "/tensorboard/data/runs", "/tensorboard/index.js",
        f"/pictures/{RUN}/drawn.png", f"/pictures/{RUN}/none.png", "/config", "/gradio_api/info",
        "/gradio_api/file=/etc/hostname",
    ],
)  # fmt: skip
def test_a_stranger_is_sent_away(stranger, path):
    for method in ("GET", "POST", "HEAD") if path.startswith(("/t", "/p")) else ("GET",):
        answer = stranger.request(method, path)
        assert answer.status_code == 401, method
    forged = dict.fromkeys(("access-token", "access-token-unsecure-x"), "forged")
    assert stranger.get(path, cookies=forged).status_code == 401


def test_a_stranger_is_sent_away_from_every_route_of_the_tabs_that_are_loaded_later(stranger):
    routes = [
        route for route in (*studio_routes("en", EVERYWHERE), *evaluate_routes("en")) if isinstance(route, Route)
    ]
    assert len(routes) > 40
    for route in routes:
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        for method in route.methods or ():
            assert stranger.request(method, path).status_code == 401, (method, path)


def test_a_wrong_password_opens_nothing(stranger):
    assert stranger.post("/login", data={"username": "ann", "password": "wrong"}).status_code == 400
    assert stranger.get("/tensorboard/").status_code == 401


def test_a_logout_closes_the_door_again(stranger):
    log_in(stranger)
    assert stranger.get("/tensorboard/data/runs").status_code == 200
    cookies = dict(stranger.cookies)
    stranger.get("/logout")
    assert stranger.get("/tensorboard/data/runs", cookies=cookies).status_code == 401


def test_the_page_starts_without_a_visit_to_itself_that_a_busy_machine_would_answer_too_late(home, monkeypatch):
    def too_late(*_: object, **__: object) -> None:
        raise httpx.ReadTimeout("too late")

    for name in ("get", "head", "request"):
        monkeypatch.setattr(httpx, name, too_late)
    with served() as page, httpx.Client(base_url=page.local_url, trust_env=False, timeout=60) as client:
        assert client.get("/").status_code == 200


def test_a_busy_port_gives_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = listener.listen_from("127.0.0.1", port)
        assert found is not None
        with found:
            assert port < listener.port_of(found) < port + listener.PORTS_TRIED


def test_two_pages_that_start_at_once_get_ports_of_their_own():
    first = listener.listen_from("127.0.0.1", 18770)
    assert first is not None
    with first:
        second = listener.listen_from("127.0.0.1", listener.port_of(first))
        assert second is not None
        with second:
            assert listener.port_of(second) > listener.port_of(first)


@in_its_own_loop
async def test_the_end_of_an_answer_does_not_wait_until_the_browser_has_confirmed_its_beginning():
    accepted = asyncio.get_running_loop().create_future()
    handler = asyncio.StreamReaderProtocol(asyncio.StreamReader(), lambda _, writer: accepted.set_result(writer))
    with listener.listen_on("127.0.0.1", 0) as port:
        server = await asyncio.get_running_loop().create_server(lambda: handler, sock=port)
        _, visitor = await asyncio.open_connection(*port.getsockname())
        connection = (await accepted).get_extra_info("socket")
        delay_off = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (visitor, await accepted):
            writer.close()
        server.close()
    assert delay_off


def test_a_named_port_that_is_taken_is_refused_and_never_exchanged():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} is in use by another program"):
            listener.listen(PageOptions(server_port=port))


def test_a_named_port_that_is_free_is_used(capsys):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with listener.listen(PageOptions(server_port=port)) as listening:
        assert listener.port_of(listening) == port
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="administrators may use every port")
def test_a_named_port_that_is_not_allowed_is_refused_with_the_reason():
    with pytest.raises(SystemExit, match=r"does not allow port 81 .*below 1024"):
        listener.listen(PageOptions(server_port=81))


def test_the_usual_port_gives_way_to_the_next_free_one_and_says_so(capsys, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(listener, "FIRST_PORT", port)
        with listener.listen(PageOptions()) as listening:
            told = f"Port {port} is in use or not allowed; using {listener.port_of(listening)}."
            assert told in capsys.readouterr().out


def test_an_address_that_is_not_this_machines_is_named_in_one_line():
    with pytest.raises(SystemExit, match=re.escape("203.0.113.7")):
        listener.listen(PageOptions(listen="203.0.113.7"))
    with pytest.raises(SystemExit, match=re.escape("no.such.host.invalid")):
        listener.listen(PageOptions(listen="no.such.host.invalid"))


def test_no_port_above_the_last_is_tried():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 65535))
        taken.listen()
        assert listener.listen_from("127.0.0.1", 65535) is None


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        (PageOptions(), False),
        (PageOptions(listen="0.0.0.0"), True),
        (PageOptions(listen="0.0.0.0", username="a", password="b"), False),
        (PageOptions(share=True), True),
        (PageOptions(share=True, username="a", password="b"), False),
    ],
)
def test_a_page_that_others_can_reach_without_a_login_is_warned_about(options, warned):
    assert bool(app.exposure_warnings(options)) == warned


def test_no_browser_is_opened_where_nobody_would_see_it(monkeypatch):
    monkeypatch.setattr(app.sys, "platform", "linux")
    for name in ("SSH_CONNECTION", "SSH_TTY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert app.has_screen()
    monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22")
    assert not app.has_screen()
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.delenv("DISPLAY")
    assert not app.has_screen()


def test_the_last_line_says_what_goes_on():
    assert "in the background" not in app.farewell(0)
    assert "1 run goes on" in app.farewell(1)
    assert "2 runs go on" in app.farewell(2)
    assert "1 more waits" in app.farewell(1, 1)


def test_the_server_imports_neither_torch_nor_tensorflow():
    code = (
        "import sys; from pathlib import Path; from kohya_gui.server import app; app.Board(Path('none')).load();"
        "sys.exit(bool({'torch', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
