"""The page on Windows, driven by a browser here: a run is started, paused, resumed, stopped and killed on it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.gui.conftest import browser  # noqa: F401 - a fixture
from tests.gui.opening import open_page
from tests.windows.conftest import Job, Program, numbers_of, ours, steps_of, wait_for_step
from tests.windows.machine import PATIENCE, Process, wait_for, windows_path

pytestmark = pytest.mark.timeout(3600)
LONG = {"max_train_epochs": 0, "max_train_steps": 100_000, "save_state_every_n_steps": 5, "save_last_n_steps_state": 20}
IN_TIME = PATIENCE * 1000  # milliseconds
END_SERVER = """
import psutil, sys
for process in psutil.process_iter():
    try:
        words = process.cmdline()
        if any(word.endswith('gui.py') for word in words) and sys.argv[1] in words:
            process.kill()
    except psutil.Error:
        pass
"""

HALT = "import psutil, sys; psutil.Process(int(sys.argv[1])).suspend()"


def serve(program: Program, port: int, settings: Path) -> Process:
    """Start the page with these settings in its form and wait until it can be visited."""
    server = program.start("--headless", "--server_port", str(port), "--config", windows_path(settings))
    wait_for(lambda: "Crucible is ready" in server.text() or server.code is not None, server.text)
    assert "Crucible is ready" in server.text(), server.text()
    return server


def end_server(program: Program, port: int) -> None:
    """End the page's processes at once, and nothing that they have started."""
    program.windows.run([program.python, "-c", END_SERVER, str(port)], program.windows.notes)


def halt(program: Program, number: int) -> None:
    """Make a process hang."""
    code, told = program.windows.run([program.python, "-c", HALT, str(number)], program.windows.notes)
    assert code == 0, told


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def expect_state(page: Page, state: str) -> None:
    """Wait until the shown run has this state."""
    expect(page.locator("#run-state")).to_have_text(state, timeout=IN_TIME)


def test_a_run_is_started_paused_resumed_stopped_and_killed_and_outlives_the_page(
    program: Program, job: Job, browser: Browser, tmp_path: Path, letters: str  # noqa: F811
) -> None:
    port = free_port()
    (tmp_path / letters).mkdir()
    settings = job(tmp_path / letters, **LONG)
    server = serve(program, port, settings)
    page = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US").new_page()
    open_page(page, f"http://127.0.0.1:{port}/", IN_TIME)
    page.locator("#start").click()
    run = wait_for_step(program, server, 1)
    expect_state(page, "running")

    code, told = program.run("train", windows_path(settings))
    assert code == 1
    assert "is still running" in told

    page.locator("#pause").click()
    expect_state(page, "paused")
    state = ours(page.locator("#run-result code").inner_text())
    assert (state / "state.json").is_file()
    page.locator("#resume").click()
    expect_state(page, "running")
    paused_at = int(re.sub(r"\D", "", state.name))
    wait_for(lambda: steps_of(program, run) > paused_at, server.text)

    end_server(program, port)
    server.wait()
    at = steps_of(program, run)
    wait_for(lambda: steps_of(program, run) > at, server.text)
    server = serve(program, port, settings)
    page = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US").new_page()
    open_page(page, f"http://127.0.0.1:{port}/", IN_TIME)
    expect_state(page, "running")

    program.windows.kill(numbers_of(program, run)[-1])
    expect_state(page, "ended unexpectedly")
    page.locator("#resume").click()
    expect_state(page, "running")
    page.locator("#stop").click()
    expect_state(page, "stopped")
    assert ours(page.locator("#run-result code").inner_text()).is_file()

    lives = len(numbers_of(program, run))
    page.locator("#resume").click()
    expect_state(page, "running")
    wait_for(lambda: len(numbers_of(program, run)) > lives, server.text)
    halt(program, numbers_of(program, run)[-1])
    page.locator("#stop").click()
    expect_state(page, "stopping")
    page.locator("#stop").click()
    expect_state(page, "stopped")
    assert program.runs() == [run]
    end_server(program, port)


def test_of_two_starts_at_once_one_trains(program: Program, job: Job) -> None:
    settings = windows_path(job(**LONG))
    first, second = program.start("train", settings), program.start("train", settings)
    wait_for(lambda: first.code is not None or second.code is not None, first.text)
    refused, training = (first, second) if first.code is not None else (second, first)
    assert refused.wait() == 1
    assert "is still running" in refused.text()
    run = wait_for_step(program, training, 3)
    assert program.runs() == [run]
    (run / "control" / "stop").touch()
    assert training.wait() == 130
    assert "Saved:" in training.text()
