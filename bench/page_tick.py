"""Cost of the page's polling for the server: its first call and each later one, beside few and beside many runs.

The runs are made in a temporary home: finished, with 2,000 events, samples and a console each. The page's own route is
called without the network. `first` is the first look of a server that has just started, `again` that of a server
started later, `tick` a look when nothing has happened, and `running` one while a run of this moment adds an event a
look. Milliseconds of this process's CPU time.

    python bench/page_tick.py [--runs 400] [--few 4] [--events 2000] [--ticks 50]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

PROMPT = "a photo of a zuko dog, on a beach, high quality --w 512 --h 512 --s 20"
START = 1_767_225_600  # 2026-01-01


def event(kind: str, when: float, **fields: object) -> str:
    return json.dumps({"kind": kind, "time": round(when, 3), **fields}) + "\n"


def progress(step: int, when: float, steps: int) -> str:
    loss = 0.1 + 0.05 / (1 + step % 17)
    return event(
        "progress", when, step=step, total_steps=steps, epoch=1 + step // 200, epochs=10, loss=loss, average=0.11,
        lr={"unet": 1e-4 * (1 - step / steps), "textencoder": 5e-5}, speed=2.1, eta=(steps - step) / 2.1,
    )  # fmt: skip


def life_of_a_run(events: int, pid: int, begin: float) -> list[str]:
    """The events of a training up to its last step."""
    steps = events - 40
    lines = [event("schema", begin, schema=1), event("started", begin, total_steps=steps, epochs=10, pid=pid)]
    lines += [event("stage", begin, name=name) for name in ("checking", "loading", "caching", "training")]
    for step in range(1, steps + 1):
        when = begin + step / 2.1
        lines.append(progress(step, when, steps))
        if step % (steps // 8) == 0:
            for index in range(3):
                picture = f"sample/run_{step:06d}_{index}.png"
                drawn = {"prompt": PROMPT, "index": index, "step": step, "epoch": 1 + step // 200, "seed": index}
                lines.append(event("sample", when, path=picture, **drawn))
            lines.append(event("saved", when, path=f"run-step{step:08d}.safetensors", step=step, epoch=1, final=False))
    return lines


def ended(number: int) -> str:
    """End of the run of this number: most completed, some stopped or failed, one in ten killed without a word."""
    status = ("", "stopped", "failed", *["completed"] * 7)[number % 10]
    return event("finished", START + 1000, status=status, path="/out/run.safetensors") if status else ""


def make_runs(home: Path, count: int, events: int) -> None:
    """`count` runs that have ended in `home`, a minute apart."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lines = life_of_a_run(events, gone.pid, START)
    console = "step 1 of many: loss 0.1\n" * 2000
    for number in range(count):
        text = "".join(lines) + ended(number)
        name = time.strftime("%Y%m%d-%H%M%S", time.gmtime(START + 60 * number))
        write_run(home / "runs" / f"{name}-run {number}", text, console, gone.pid)


def write_run(folder: Path, events: str, console: str, pid: int) -> None:
    for inner in ("control", "logs"):
        (folder / inner).mkdir(parents=True)
    (folder / "config.toml").write_text("config_version = 1\n", encoding="utf-8")
    (folder / "events.jsonl").write_text(events, encoding="utf-8")
    (folder / "console.log").write_text(console, encoding="utf-8")
    (folder / "process.json").write_text(json.dumps({"pid": pid, "started": float(START), "killed": False}) + "\n")


class OpenPage:
    """A page in a browser, as far as its polling goes."""

    def __init__(self) -> None:
        from starlette.applications import Starlette  # noqa: PLC0415 - after CRUCIBLE_HOME is set
        from starlette.testclient import TestClient  # noqa: PLC0415

        from kohya_gui.server.watched import watched_routes  # noqa: PLC0415

        self.web = TestClient(Starlette(routes=watched_routes({}, lambda _request: "", "en")))
        self.sums: dict[str, int] = {}

    def look(self) -> float:
        """Milliseconds of CPU that a question and its answer take, with the stand-in for the network."""
        began = time.process_time()
        self.sums = self.web.post("/runs/watch", json={"known": self.sums}).raise_for_status().json()["sums"]
        return 1000 * (time.process_time() - began)


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def measure(home: Path, ticks: int, running: bool) -> dict[str, float]:
    """One server's life, in a process of its own that `compare` starts."""
    os.environ["CRUCIBLE_HOME"] = str(home)
    page = OpenPage()
    found = {"first": page.look(), "tick": median([page.look() for _ in range(ticks)])}
    if running:
        found["running"] = median(watch_a_run(home, page, ticks))
    return found


def watch_a_run(home: Path, page: OpenPage, ticks: int) -> list[float]:
    """Looks at a run that goes on: half of its life is over, and each look finds one step more."""
    now = time.time()
    folder = home / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-going on"
    half = life_of_a_run(1000, os.getpid(), now)
    write_run(folder, "".join(half), "", -1)
    (folder / "process.json").unlink()
    taken = [page.look()]
    for tick in range(ticks):
        with (folder / "events.jsonl").open("a", encoding="utf-8") as log:
            log.write(progress(1000 + tick, now, 2000))
        taken.append(page.look())
    return taken[1:]


def in_new_process(home: Path, ticks: int, running: bool) -> dict[str, float]:
    words = ["--measure", str(home), "--ticks", str(ticks), *(["--running"] if running else [])]
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def compare(runs: int, events: int, ticks: int) -> dict[str, float]:
    """The figures beside `runs` runs."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        make_runs(home, runs, events)
        first = in_new_process(home, ticks, running=False)
        later = in_new_process(home, ticks, running=True)
    return {**first, "again": later["first"], "running": later["running"]}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("runs", 400), ("few", 4), ("events", 2000), ("ticks", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--running", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure, asked.ticks, asked.running)))
        return
    few, many = (compare(count, asked.events, asked.ticks) for count in (asked.few, asked.runs))
    print(f"{'CPU ms':10}{asked.few:>10} runs{asked.runs:>10} runs     ratio")
    for name in ("first", "again", "tick", "running"):
        print(f"{name:10}{few[name]:15.1f}{many[name]:15.1f}{many[name] / few[name]:10.2f}")


if __name__ == "__main__":
    main()
