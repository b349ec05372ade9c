"""TensorBoard inside our own server: loaded when the page is up, and showing every run's logs."""

from __future__ import annotations

import sys
import threading
import types
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

RELOAD_SECONDS = 5


class Board:
    """TensorBoard over `logdir` as the end of a route with a `path`. The folder may be empty or missing yet."""

    def __init__(self, logdir: Path) -> None:
        self.logdir = logdir
        self._app: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = await run_in_threadpool(self.load)
        # What stands before our own part of the path depends on tunnels and proxies; TensorBoard needs none of it.
        await app({**scope, "root_path": "", "path": "/" + scope["path_params"]["path"]}, receive, send)

    def load(self) -> ASGIApp:
        """Import TensorBoard and start reading logs; done once, takes a second or two."""
        with self._lock:
            if self._app is None:
                self._app = _tensorboard(self.logdir)
            return self._app


def font(request: Request) -> RedirectResponse:
    """Redirect to TensorBoard's fonts, which its page requests at the server's root, whatever its own address."""
    return RedirectResponse(f"../tensorboard/font-roboto/{request.path_params['name']}")


def _tensorboard(logdir: Path) -> ASGIApp:
    # TensorBoard looks for this module before it imports tensorflow, which takes long where it is installed.
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))
    from a2wsgi import WSGIMiddleware  # noqa: PLC0415 - heavy: loaded once the page is up
    from tensorboard import default, program  # noqa: PLC0415
    from tensorboard.backend import application  # noqa: PLC0415
    from tensorboard.backend.event_processing.data_ingester import LocalDataIngester  # noqa: PLC0415
    from tensorboard.util import tb_logging  # noqa: PLC0415

    tb_logging.get_logger().setLevel("ERROR")
    board = program.TensorBoard(default.get_plugins())
    board.configure(logdir=str(logdir), reload_interval=RELOAD_SECONDS, reload_multifile=True, window_title="Crucible")
    ingester = LocalDataIngester(board.flags)
    ingester.start()
    return WSGIMiddleware(  # type: ignore[return-value]  # its scope is typed by dictionaries of its own
        application.TensorBoardWSGIApp(
            board.flags,
            board.plugin_loaders,
            ingester.data_provider,
            board.assets_zip_provider,
            ingester.deprecated_multiplexer,
        )
    )
