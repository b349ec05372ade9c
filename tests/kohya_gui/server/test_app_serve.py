"""The whole program as people start it: its own process, the real page, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue

import httpx
import psutil
import pytest

from kohya_gui.runs.process import identify, kill_trees, remember, spawn
from kohya_gui.server.hosts import network_addresses
from tests.event_lines import EventLog

REPOSITORY = Path(__file__).parents[3]
RUN = "20260101-000000-x"


def a_running_run(home: Path) -> psutil.Process:
    """A run whose process sleeps."""
    folder = home / "runs" / RUN
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    EventLog(folder / "events.jsonl").write("started", total_steps=1, epochs=1)
    with (folder / "console.log").open("wb") as console:
        child = spawn([sys.executable, "-c", "import time; time.sleep(300)"], folder, dict(os.environ), console)
    remember(folder, identify(child.pid))
    return psutil.Process(child.pid)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def lines_of(program: subprocess.Popen[str]) -> Queue[str]:
    """Lines that `program` prints, one by one as they come."""
    lines: Queue[str] = Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in program.stdout], daemon=True).start()
    return lines


def line_with(words: str, lines: Queue[str], seconds: float = 90) -> str:
    seen = []
    try:
        while True:
            seen.append(lines.get(timeout=seconds))
            if words in seen[-1]:
                return seen[-1]
    except Empty:
        pytest.fail(f"{words!r} was never printed, but: {''.join(seen)}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process alone")
def test_ctrl_c_closes_the_page_and_runs_go_on(tmp_path):
    run = a_running_run(tmp_path / "home")
    environment = {**os.environ, "CRUCIBLE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    command = [
        sys.executable,
        "-m",
        "kohya_gui.cli",
        "--no-inbrowser",
        "--listen",
        "127.0.0.1",
        "--server_port",
        str(free_port()),
    ]
    page = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        lines = lines_of(page)
        address = line_with("ready", lines).split("http://")[1].split("/")[0]
        visitor = httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=60)
        assert "<html" in visitor.get("/").text
        assert not [c for c in visitor.get("/theme.css").text.split() if "//fonts." in c]
        page.send_signal(signal.SIGINT)
        assert "1 run goes on" in line_with("closed", lines)
        assert page.wait(timeout=60) == 0
        assert run.is_running()
        assert run.status() != psutil.STATUS_ZOMBIE
    finally:
        page.kill()
        kill_trees([run], grace=1)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:7891", "socks://127.0.0.1:7891/"])
def test_the_page_starts_whatever_proxy_there_is(tmp_path, proxy):
    environment = {**os.environ, "CRUCIBLE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    environment |= {"ALL_PROXY": proxy, "all_proxy": proxy}
    command = [sys.executable, "-m", "kohya_gui.cli", "--headless", "--server_port", str(free_port())]
    page = subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8",
    )  # fmt: skip
    try:
        assert f"http://127.0.0.1:{command[-1]}/" in line_with("ready", lines_of(page))
    finally:
        page.kill()


def test_a_page_on_all_addresses_prints_those_that_other_machines_reach_it_at(tmp_path):
    environment = {**os.environ, "CRUCIBLE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
    port = str(free_port())
    command = [sys.executable, "-m", "kohya_gui.cli", "--headless", "--listen", "0.0.0.0", "--server_port", port]
    page = subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        lines = lines_of(page)
        assert f"http://localhost:{port}/" in line_with("ready", lines)
        outside = network_addresses("0.0.0.0")
        if outside:
            addresses = line_with("From other machines", lines).split(": ", 1)[1].split()
            assert addresses == [f"http://{address}:{port}/" for address in outside]
    finally:
        page.kill()
