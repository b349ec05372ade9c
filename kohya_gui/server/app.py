"""One port for everything: the page, TensorBoard and the sample pictures, all behind the same guard and login."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import gradio
from fastapi import FastAPI
from gradio import networking
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from kohya_gui.files.reach import reach_of
from kohya_gui.form.controller import FormController
from kohya_gui.i18n.language import PageLanguage
from kohya_gui.options import PageOptions
from kohya_gui.page import build_page, page_options
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.queue.runner import BackgroundRunner
from kohya_gui.runs.registry import AT_WORK
from kohya_gui.server.board import Board, font
from kohya_gui.server.evaluate.routes import evaluate_routes
from kohya_gui.server.files import file_routes
from kohya_gui.server.forms import form_routes
from kohya_gui.server.gradio_files import gradio_file_routes, preloads
from kohya_gui.server.guard import Guard, visitor
from kohya_gui.server.hosts import ALL_ADDRESSES, LOOPBACK_NAMES, AllowedHosts, network_addresses, url_of
from kohya_gui.server.listener import Server, listen, port_of
from kohya_gui.server.login import Login
from kohya_gui.server.models import model_routes
from kohya_gui.server.pictures import picture, thumbnail
from kohya_gui.server.preferences import preference_routes
from kohya_gui.server.presets import preset_routes
from kohya_gui.server.runs import run_routes
from kohya_gui.server.studio.routes import studio_routes
from kohya_gui.server.tables import table_routes
from kohya_gui.server.uploads import upload_routes
from kohya_gui.server.watched import watched_routes
from kohya_gui.tabs.context import PageContext
from train_core.config.places import runs_dir

BOARD_DELAY = 5.0  # seconds
TENSORBOARD = "tensorboard/"  # relative, so that it holds behind a proxy that serves the page under another address


@dataclass(frozen=True)
class Served:
    """A page that is being served. `share_url` is its public address, or None.

    `network_urls` are those under which other machines reach it when it listens on all addresses.
    """

    page: gradio.Blocks
    server: Server
    local_url: str
    share_url: str | None
    network_urls: tuple[str, ...]

    def close(self) -> None:
        """Take the page off the network."""
        self.page.close(verbose=False)
        self.server.close()


def serve(options: PageOptions) -> int:
    """Serve the page until Ctrl-C and return the exit code. Runs are separate processes and continue."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    listener = listen(options)
    for line in exposure_warnings(options):
        print(line, flush=True)
    board = Board(runs_dir())
    served = open_page(options, listener, board)
    print(f"Crucible is ready: {served.local_url}   (Ctrl-C closes the page; runs go on)", flush=True)
    if served.network_urls:
        print(f"From other machines: {'   '.join(served.network_urls)}", flush=True)
    if served.share_url:
        print(f"Its public address: {served.share_url}", flush=True)
    if options.inbrowser and has_screen():
        webbrowser.open(served.share_url or served.local_url)
    _load_later(board)
    queue = BackgroundRunner()
    while not stop.wait(0.5):  # a wait without an end could not be interrupted on Windows
        pass
    queue.close()
    served.close()
    statuses = [run.status for run in list_runs()]
    print(farewell(sum(status in AT_WORK for status in statuses), statuses.count("queued")), flush=True)
    return 0


def open_page(options: PageOptions, listener: socket.socket, board: Board) -> Served:
    """Start the server in a thread and return the page, which is ready to be visited."""
    reach = reach_of(options)
    context = PageContext(
        language=options.language, headless=options.headless, config_path=options.config,
        tensorboard_path=TENSORBOARD, reach=reach,
    )  # fmt: skip
    page = build_page(context)
    port = port_of(listener)
    root = urlsplit(options.root_path)
    hosts = AllowedHosts(options.listen, port, [*options.allow_host, *([root.netloc] if root.netloc else [])])
    app = page_app(page, options, port, board, context.forms, hosts)
    server = Server(Guard(app, gradio_app(app), hosts, root.path), listener)
    server.start()
    everywhere = options.listen in ALL_ADDRESSES
    name = "localhost" if everywhere else options.listen
    tunnel_end = "127.0.0.1" if everywhere else options.listen
    return Served(
        page, server, local_url=url_of(name, port),
        share_url=public_address(tunnel_end, port, hosts) if options.share else None,
        network_urls=tuple(url_of(address, port) for address in network_addresses(options.listen)),
    )  # fmt: skip


def page_app(
    page: gradio.Blocks, options: PageOptions, port: int, board: Board, forms: Mapping[str, FormController],
    hosts: AllowedHosts,
) -> FastAPI:  # fmt: skip
    """The page, TensorBoard and the pictures as one application, not yet guarded.

    gradio's own `launch` visits the page at the end, and gives up where a busy machine answers after three seconds.
    """
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None,
        routes=[
            *our_routes(board, forms, options.language), *run_routes(options.language),
            *preference_routes(options.language, hosts), *file_routes(forms, options, has_screen),
            *upload_routes(options), *model_routes(reach_of(options), options.language),
            *studio_routes(options.language, reach_of(options)), *evaluate_routes(options.language),
            *gradio_file_routes(),
        ],
    )  # fmt: skip
    login = Login(options.username, options.password) if options.username and options.password else None
    gradio.mount_gradio_app(
        app, page, path="/", auth=login.accepts if login else None, root_path=options.root_path or None,
        server_port=port, show_error=True, mcp_server=False, enable_monitoring=False, **page_options(),
    )  # fmt: skip
    gradio_app(app).cookie_id = str(port)
    app.add_middleware(PageLanguage, forced=options.language, head=preloads(shown_types(page), page.theme_hash))
    return app


def shown_types(page: gradio.Blocks) -> set[str]:
    """The types of the components that the page loads when it is opened: of all that are not hidden."""
    return {part["type"] for part in page.config["components"] if part["props"].get("visible") is not False}


def gradio_app(app: FastAPI) -> Any:
    """The part of `page_app` that is gradio's."""
    return next(route.app for route in app.routes if isinstance(route, Mount))


def public_address(local_host: str, port: int, hosts: AllowedHosts) -> str | None:
    """The address of a new tunnel of gradio's, which the page answers to from now on. None, which is said, without."""
    try:
        url = networking.setup_tunnel(local_host, port, secrets.token_urlsafe(32), None, None)
    except Exception as error:  # network, file system, another program: the page is served all the same
        print(f"There is no public address: {error} The page is served on this machine.", flush=True)
        return None
    address = urlsplit(url)._replace(scheme="https")
    hosts.add(address.netloc)
    return address.geturl()


def _load_later(board: Board) -> None:
    """Load TensorBoard once the page's first visitor has been served, so that neither waits for the other."""
    timer = threading.Timer(BOARD_DELAY, board.load)
    timer.daemon = True
    timer.start()


def _visitor(request: Request) -> str:
    return visitor(gradio_app(request.app), request)


def our_routes(board: Board, forms: Mapping[str, FormController], language: str = "") -> list[BaseRoute]:
    """Routes that we serve beside gradio; `language` is that of every page, or ""."""
    return [
        *form_routes(forms, _visitor), *table_routes(forms, _visitor, language), *preset_routes(forms, _visitor),
        *watched_routes(forms, _visitor, language),
        Route("/tensorboard", RedirectResponse(TENSORBOARD)),
        Route("/tensorboard/{path:path}", board),
        Route("/font-roboto/{name}", font),
        Route("/pictures/{run_id}/{name}", picture),
        Route("/thumbnails/{signature}/{name}", thumbnail),
    ]


def exposure_warnings(options: PageOptions) -> list[str]:
    """Warnings if others can reach the page without a login."""
    if options.username and options.password:
        return []
    if options.share:
        return ["Warning: anyone who learns the public address can use this page. Add --username and --password."]
    if options.listen not in LOOPBACK_NAMES:
        return [
            f"Warning: everyone who can reach {options.listen} can use this page and read what it shows. "
            "Add --username and --password."
        ]
    return []


def has_screen() -> bool:
    """Whether a browser opened here would be visible: not over SSH, and on Linux only with a display."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    displays = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in displays)


def farewell(running: int, waiting: int = 0) -> str:
    """The last line, which says what keeps running and what waits for the next start."""
    waits = "" if not waiting else f" {waiting} more {'waits' if waiting == 1 else 'wait'} for Crucible to be started."
    if not running:
        return f"The page is closed.{waits}"
    runs = "1 run goes on" if running == 1 else f"{running} runs go on"
    return f"The page is closed; {runs} in the background. Start Crucible again to see and stop them.{waits}"
