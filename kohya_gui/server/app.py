"""One port for everything: the page, TensorBoard and the sample pictures, all behind the same login."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
import webbrowser
from typing import Any

import gradio
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Route

from kohya_gui.i18n.language import PageLanguage
from kohya_gui.options import PageOptions
from kohya_gui.page import build_page, page_options
from kohya_gui.runs.index import active_runs
from kohya_gui.server.board import Board, font
from kohya_gui.server.guard import Guard
from kohya_gui.server.pictures import picture
from kohya_gui.tabs.context import PageContext
from train_core.config.places import caches_dir, runs_dir

FIRST_PORT, PORTS_TRIED = 7860, 100
BOARD_DELAY = 5.0  # seconds
LOCAL = ("127.0.0.1", "localhost", "::1")
# Relative, so that they hold behind a tunnel or a proxy that serves the page under another address.
TENSORBOARD, PICTURES = "tensorboard/", "pictures/"


def serve(options: PageOptions) -> int:
    """Serve the page until Ctrl-C and return the exit code. Runs are separate processes and continue."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    prepare_surroundings()
    port = choose_port(options)
    for line in exposure_warnings(options):
        print(line, flush=True)
    board = Board(runs_dir())
    page = open_page(options, port, board)
    print(f"Crucible is ready: {page.local_url}   (Ctrl-C closes the page; runs go on)", flush=True)
    if options.inbrowser and has_screen():
        webbrowser.open(str(page.share_url or page.local_url))
    _load_later(board)
    while not stop.wait(0.5):  # a wait without an end could not be interrupted on Windows
        pass
    page.close(verbose=False)
    print(farewell(len(active_runs())), flush=True)
    return 0


def open_page(options: PageOptions, port: int, board: Board) -> gradio.Blocks:
    """Start the server in a thread and return the page, which is ready to be visited."""
    context = PageContext(
        language=options.language, headless=options.headless, config_path=options.config,
        tensorboard_path=TENSORBOARD, pictures_path=PICTURES,
    )  # fmt: skip
    page = build_page(context)
    page.launch(**(server_options(options, port, board) | page_options()))
    return page


def server_options(options: PageOptions, port: int, board: Board) -> dict[str, Any]:
    """Options for gradio's server: our port, our login, our routes and none of its own extras."""
    return {
        "server_name": f"[{options.listen}]" if ":" in options.listen else options.listen,
        "server_port": port,
        "auth": (options.username, options.password) if options.username and options.password else None,
        "share": options.share,
        "prevent_thread_lock": True,
        "quiet": True,
        "show_error": True,
        "mcp_server": False,
        "enable_monitoring": False,
        "app_kwargs": {
            "routes": our_routes(board),
            "middleware": [Middleware(PageLanguage, forced=options.language)],
        },
    }


def _load_later(board: Board) -> None:
    """Load TensorBoard once the page's first visitor has been served, so that neither waits for the other."""
    timer = threading.Timer(BOARD_DELAY, board.load)
    timer.daemon = True
    timer.start()


def our_routes(board: Board) -> list[Route]:
    """Routes that we serve beside gradio, each behind the guard."""
    return [
        Route("/tensorboard", Guard(RedirectResponse(TENSORBOARD))),
        Route("/tensorboard/{path:path}", Guard(board)),
        Route("/font-roboto/{name}", Guard(font)),
        Route("/pictures/{run_id}/{name}", Guard(picture)),
    ]


def prepare_surroundings() -> None:
    """No telemetry, files in our own place, and no proxy before gradio, which visits its own address at its start."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # The default is one folder for all users of a machine, which only the first of them may write to.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(caches_dir() / "gradio"))
    for name in ("NO_PROXY", "no_proxy"):
        listed = [host for host in os.environ.get(name, "").split(",") if host]
        os.environ[name] = ",".join(dict.fromkeys([*listed, *LOCAL]))


def choose_port(options: PageOptions) -> int:
    """The port to serve on: the requested or the next free one, which is printed. Ends the program in one line."""
    first = options.server_port or FIRST_PORT
    try:
        port = free_port(options.listen, first)
    except OSError as error:
        sys.exit(
            f"Cannot serve on {options.listen}: {error.strerror}. 127.0.0.1 is this machine, 0.0.0.0 all addresses."
        )
    if port is None:
        sys.exit(f"No port from {first} on is free or allowed. Choose another --server_port.")
    if options.server_port not in (None, port):
        print(f"Port {first} is in use or not allowed; using {port}.", flush=True)
    return port


def free_port(listen: str, first: int) -> int | None:
    """The first port from `first` on that can be listened on, or None. Raises `OSError` for an address not ours."""
    family = socket.AF_INET6 if ":" in listen else socket.AF_INET
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket(family) as listener:
            if sys.platform != "win32":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((listen, port))
                return port
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
    return None


def exposure_warnings(options: PageOptions) -> list[str]:
    """Warnings if others can reach the page without a login."""
    if options.username and options.password:
        return []
    if options.share:
        return ["Warning: anyone who learns the public address can use this page. Add --username and --password."]
    if options.listen not in LOCAL:
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


def farewell(running: int) -> str:
    """The last line, which says what keeps running."""
    if not running:
        return "The page is closed."
    runs = "1 run goes on" if running == 1 else f"{running} runs go on"
    return f"The page is closed; {runs} in the background. Start Crucible again to see and stop them."
