"""The port of the page, and the server behind it."""

from __future__ import annotations

import errno
import socket
import sys
import threading
import time

import uvicorn
from starlette.types import ASGIApp

from kohya_gui.options import PageOptions

FIRST_PORT, PORTS_TRIED = 7860, 100


def listen(options: PageOptions) -> socket.socket:
    """Listen on the port asked for, or else the first free one from 7860, which is said.

    Ends the program in one line if it cannot.
    """
    named = options.server_port
    try:
        if named is not None:
            return listen_on(options.listen, named)
        listener = listen_from(options.listen, FIRST_PORT)
    except OSError as error:
        sys.exit(_refused(options.listen, named, error))
    if listener is None:
        last = FIRST_PORT + PORTS_TRIED - 1
        sys.exit(f"No port from {FIRST_PORT} to {last} is free or allowed. Name another one with --server_port.")
    port = port_of(listener)
    if port != FIRST_PORT:
        print(f"Port {FIRST_PORT} is in use or not allowed; using {port}.", flush=True)
    return listener


def _refused(address: str, port: int | None, error: OSError) -> str:
    """The line about a port or an address that cannot be listened on."""
    other = "Choose another --server_port, or leave it out to take the first free one"
    if port is not None and error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program, maybe by a page that is already open. {other}."
    if port is not None and error.errno == errno.EACCES:
        low = " On most systems only administrators may use ports below 1024." if port < 1024 else ""
        return f"The system does not allow port {port} ({error.strerror}).{low} {other}."
    return f"Cannot serve on {address}: {error.strerror}. 127.0.0.1 is this machine, 0.0.0.0 all addresses."


def listen_from(address: str, first: int) -> socket.socket | None:
    """Listen on the first free port from `first` on, or None. Raises `OSError` for an address that is not ours."""
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        try:
            return listen_on(address, port)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    return None


def listen_on(address: str, port: int) -> socket.socket:
    """Listen on that port. Raises `OSError` if it is taken or not allowed, and for an address that is not ours.

    The port is held from here on, so that of two pages that start at once each gets one of its own.
    """
    # asyncio sends small pieces at once only where the protocol is named: else the second piece of each answer, its
    # body, waits until the browser has confirmed the first, which it puts off for 40 ms.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
        listener.listen(100)
    except OSError:
        listener.close()
        raise
    return listener


def port_of(listener: socket.socket) -> int:
    """The port that is listened on."""
    port: int = listener.getsockname()[1]
    return port


class Server:
    """A web server in a thread, for what `listener` gets."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        # Headers of proxies are the guard's affair.
        self._server = uvicorn.Server(uvicorn.Config(
            app, log_level="warning", lifespan="on", proxy_headers=False, server_header=False,
            timeout_graceful_shutdown=1,
        ))  # fmt: skip
        self._listener = listener
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)

    def start(self) -> None:
        """Return once visitors are answered, however long a busy machine takes for that. Raises RuntimeError."""
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("The page's server has ended as it was started.")
            time.sleep(0.01)

    def close(self) -> None:
        """Answer no more, and free the port."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._listener.close()
