"""A real Chromium, and the real page in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from kohya_gui.runs import control
from kohya_gui.runs.index import active_runs
from tests.gui.opening import open_page

REPOSITORY = Path(__file__).parents[2]
expect.set_options(timeout=30_000)  # a busy machine answers late, which is no fault of the page
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory) -> Iterator[Callable[..., str]]:
    """`serve(home, user="")` starts a page and returns its address; at the end pages are closed and runs ended.

    Flags of the command line may follow. The user's password is the user's name.
    """
    started: list[subprocess.Popen[bytes]] = []
    homes: list[Path] = []

    def start(home: Path, user: str = "", *flags: str) -> str:
        port = _free_port()
        homes.append(home)
        log = (tmp_path_factory.mktemp("page") / "page.log").open("wb")
        environment = {**os.environ, "CRUCIBLE_HOME": str(home), "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
        process = subprocess.Popen(
            [
                sys.executable, "-m", "kohya_gui.cli", "--no-inbrowser", "--server_port", str(port),
                *(["--username", user, "--password", user] if user else []), *flags,
            ],
            cwd=REPOSITORY, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        started.append(process)
        _wait_for(f"http://127.0.0.1:{port}/", process, Path(log.name))
        return f"http://127.0.0.1:{port}/"

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(30)
    for home in homes:
        _end_runs(home)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """The home of the module's page, also of this process."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("CRUCIBLE_HOME", str(home))
        yield home


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], home: Path) -> str:
    """A page that is served from `home`."""
    return serve(home)


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """`window(width, height)` opens the page in a browser of its own; `more` are options of the browser."""
    contexts = []

    def open_window(width: int, height: int = 900, locale: str = "en-US", **more: Any) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, locale=locale, **more))
        page = contexts[-1].new_page()
        open_page(page, address)
        return page

    yield open_window
    for context in contexts:
        context.close()


def _end_runs(home: Path) -> None:
    """Runs outlive the page; those of a failed test must not outlive the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(home))
        for run in active_runs():
            control.kill(run.folder)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            httpx.get(address, timeout=2, trust_env=False)
            return
        except httpx.TransportError:
            assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
            time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))
