"""The page as people feel it: from start to page, its size, the first useful view, and from key to answer.

A real server with a home of its own, and a real Chromium. A view is useful once it says how many steps will be trained
and what will happen; it is `filled` once the fields too show what they were left with. `key to answer` is the time from
a key in a field until the answer is on the page. `keys` and `ticks` are the server's answers to clients of whom each
sends a key a second and asks once a second what is new, while two hours of a run's events come in; `growth` is that of
its memory.

    python bench/page.py [--browsers 5] [--keys 40] [--clients 20] [--seconds 60] [--hours 2] [--runs 0]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.page_tick import life_of_a_run, make_runs, write_run

ROOT = Path(__file__).resolve().parents[1]
LINES_PER_SECOND = 2  # of progress, at most
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--browsers", type=int, default=5, help="that have never seen the page")
    asked.add_argument("--keys", type=int, default=40)
    asked.add_argument("--clients", type=int, default=20)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--hours", type=float, default=2, help="of a run's events, which come within the seconds")
    asked.add_argument("--runs", type=int, default=0, help="finished runs in the home")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as home:
        if options.runs:
            make_runs(Path(home), options.runs, 2000)
        began = time.perf_counter()
        server, address = start(Path(home))
        try:
            print(f"start to page      {time.perf_counter() - began:6.2f} s")
            sizes(address)
            in_browser(address, options.browsers, options.keys)
            run = LiveRun(Path(home), options.hours)
            run.begin()
            with_others(server.pid, address, options.clients, options.seconds, run)
        finally:
            server.terminate()
            server.wait()


def start(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A server in `home` that has answered once, and its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {**os.environ, "CRUCIBLE_HOME": str(home), "HF_HUB_OFFLINE": "1", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "kohya_gui.cli", "--no-inbrowser", "--server_port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    while True:
        try:
            httpx.get(address, timeout=60, trust_env=False).raise_for_status()
            return server, address
        except httpx.ConnectError:
            if server.poll() is not None:
                sys.exit("The page has ended.")
            time.sleep(0.05)


def sizes(address: str) -> None:
    """Bytes of the page's description, which travels as it is."""
    body = httpx.get(address, timeout=60, trust_env=False).content
    print(f"description        {len(body) / 2**20:6.2f} MiB")


def in_browser(address: str, browsers: int, keys: int) -> None:
    """The first useful view in each of so many new browsers, the view after that, and keys in the last of them."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only the tests' packages have it

    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        print("no browser is installed: the view and the keys are not measured")
        return
    with sync_playwright() as playwright:
        taken: dict[str, list[float]] = {}
        for number in range(browsers):
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page()
            for name in ("first view", "view again"):
                began = time.perf_counter()
                page.goto(address)
                page.wait_for_selector("#step-line b")
                taken.setdefault(name, []).append(time.perf_counter() - began)
                page.wait_for_selector("#train-stamp [data-stamp]", state="attached")
                taken.setdefault(f"{name}, filled", []).append(time.perf_counter() - began)
            if number + 1 == browsers:
                page.wait_for_timeout(3000)  # the rest of the page is built meanwhile
                show("key to answer", [key(page, number) for number in range(keys)])
            browser.close()
        for name, times in taken.items():
            print(f"{name:<18} {statistics.median(times):6.2f} s, at best {min(times):.2f} s ({len(times)})")


def key(page: Any, number: int) -> float:
    """Seconds from a number of epochs, typed, until the step line says its steps."""
    epochs = 3 + number % 5
    return float(page.evaluate(
        """(epochs) => new Promise((done) => {
          const line = document.querySelector("#step-line");
          const input = document.querySelector("#setting-max_train_epochs input");
          const began = performance.now();
          new MutationObserver((_, all) => {
            if (!line.textContent.includes(`${epochs} epochs`)) return;
            all.disconnect();
            done((performance.now() - began) / 1000);
          }).observe(line, {childList: true, subtree: true, characterData: true});
          Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, epochs);
          input.dispatchEvent(new Event("input", {bubbles: true}));
        })""",
        epochs,
    ))  # fmt: skip


def with_others(server: int, address: str, clients: int, seconds: float, run: LiveRun) -> None:
    """`clients` that each type once a second and look at the `run`, whose events come meanwhile."""
    memory = psutil.Process(server)
    keys: list[float] = []
    ticks: list[float] = []
    halt = threading.Event()
    threads = [
        *(threading.Thread(target=typing, args=(address, number, halt, keys)) for number in range(clients)),
        *(threading.Thread(target=watching, args=(address, halt, ticks)) for _ in range(clients)),
        threading.Thread(target=run.go_on, args=(halt, seconds)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(min(5, seconds / 3))  # what is loaded at first use is loaded
    before, typed, looked = memory.memory_info().rss, len(keys), len(ticks)
    time.sleep(seconds)
    grown = (memory.memory_info().rss - before) / 2**20
    halt.set()
    for thread in threads:
        thread.join()
    show(f"keys, {clients} clients", keys[typed:])
    show(f"ticks, {clients} clients", ticks[looked:])
    print(f"growth             {grown:6.1f} MiB over {run.replayed} events")


def typing(address: str, number: int, halt: threading.Event, times: list[float]) -> None:
    """A client that sends a key a second."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as web:
        sums: dict[str, int] = {}
        typed = 0
        while not halt.wait(1 + number / 100):
            typed += 1
            body = {"values": {"output_name": f"c{number}", "network_dim": typed % 64 + 1}, "sums": sums}
            began = time.perf_counter()
            answer = web.post("form/train", content=json.dumps(body), headers={"Content-Type": "application/json"})
            times.append(time.perf_counter() - began)
            sums = answer.raise_for_status().json()["sums"]


def watching(address: str, halt: threading.Event, times: list[float]) -> None:
    """A client that asks once a second what is new about the run, as the page's script does."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as web:
        sums: dict[str, int] = {}
        while not halt.wait(1):
            began = time.perf_counter()
            answer = web.post("runs/watch", json={"known": sums}).raise_for_status()
            times.append(time.perf_counter() - began)
            sums = answer.json()["sums"]


class LiveRun:
    """A run in `home` that is at work as far as the page can see; this process passes for its own."""

    def __init__(self, home: Path, hours: float) -> None:
        self._lines = life_of_a_run(round(hours * 3600 * LINES_PER_SECOND) + 40, os.getpid(), time.time())
        self._folder = home / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-going on"
        self.replayed = 0

    def begin(self) -> None:
        write_run(self._folder, self._lines[0] + self._lines[1], "", -1)
        (self._folder / "process.json").unlink()

    def go_on(self, halt: threading.Event, seconds: float) -> None:
        """Send the run's events, evenly spread over the `seconds`, until the halt."""
        lines = self._lines[2:]
        began = time.perf_counter()
        while not halt.wait(0.05) and self.replayed < len(lines):
            due = min(len(lines), round(len(lines) * (time.perf_counter() - began) / seconds))
            with (self._folder / "events.jsonl").open("a", encoding="utf-8") as log:
                log.writelines(lines[self.replayed : due])
            self.replayed = due


def show(name: str, times: Sequence[float]) -> None:
    """The median and the 95th percentile."""
    ordered = sorted(times)
    if not ordered:
        print(f"{name:<18} none")
        return
    at_95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    print(f"{name:<18} {statistics.median(ordered) * 1000:6.0f} ms, 95 % under {at_95 * 1000:.0f} ms ({len(ordered)})")


if __name__ == "__main__":
    main()
