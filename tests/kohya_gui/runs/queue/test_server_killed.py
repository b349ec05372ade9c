"""The page's server is killed in the middle of a run with two waiting, then everything: nothing is lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kohya_gui.runs import control
from kohya_gui.runs.process import recall
from tests.kohya_gui.runs.conftest import HERE, wait_until
from tests.kohya_gui.runs.queue.conftest import Add, status, waiting
from train_core.config.places import runs_dir

REPOSITORY = Path(__file__).parents[4]


@pytest.fixture
def page() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """`page()` starts the program as people do; what is left of it is killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(REPOSITORY)]), "CRUCIBLE_NO_SETUP": "1"}

    def start() -> subprocess.Popen[bytes]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = str(listener.getsockname()[1])
        command = [sys.executable, "-m", "kohya_gui.cli", "--headless", "--server_port", port]
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_killed_server_loses_no_run(
    add: Add, open_gate: Callable[[str], None], page: Callable[[], subprocess.Popen[bytes]]
) -> None:
    first, second, third = add("a"), add("b"), add("c")
    server = page()
    wait_until(lambda: status(first) == "running")
    server.kill()
    server.wait()
    process = recall(runs_dir() / first)
    assert (status(first), waiting()) == ("running", ["a", "b", "c"])

    servers = [page(), page()]  # two of them, of which one runs the queue
    open_gate("a")
    wait_until(lambda: status(first) == "completed" and status(second) == "running")
    assert recall(runs_dir() / first) == process  # it was never started again
    assert status(third) == "queued"

    for one in servers:  # as when the machine restarts
        one.kill()
        one.wait()
    control.kill_trees(control.living_processes(runs_dir() / second, control.read_events(
        runs_dir() / second / "events.jsonl"
    )))  # fmt: skip
    wait_until(lambda: status(second) == "lost")
    page()
    wait_until(lambda: status(third) == "running")
    assert (status(first), status(second), waiting()) == ("completed", "lost", ["c"])
