"""The messages a job sends, one JSON object a line, and the requests it takes, one file each."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem
from train_core.config.whole_files import write_text

SCHEMA = 1
Event = dict[str, Any]
Emit = Callable[..., None]
REQUESTS = ("stop", "pause", "save", "sample", "learning_rate")
WITH_VALUE = ("learning_rate",)


class EventLog:
    """Appends events to a file. One writer: the job's main process."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", newline="\n")
        if path.stat().st_size == 0:
            self.write("schema", schema=SCHEMA)
        elif not _ends_with_newline(path):
            self._file.write("\n")  # a torn line of an earlier process stays alone

    def write(self, kind: str, **fields: Any) -> None:
        """Append one event and flush it, so that a reader sees it at once."""
        self._file.write(json.dumps({"kind": kind, "time": round(time.time(), 3), **fields}, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def emit_problems(emit: Emit, kind: str, problems: Iterable[Problem]) -> None:
    """Send each problem as a `notice`, `warning` or `error` event."""
    for p in problems:
        emit(kind, code=p.code, text=p.text, params={name: _plain(value) for name, value in p.params.items()})


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


class Follower:
    """Reads a growing event file by offset; a torn last line waits until it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def new(self) -> list[Event]:
        """The events that have come since the last call."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [event for line in whole.splitlines() if (event := _parse(line)) is not None]


def _parse(line: bytes) -> Event | None:
    """The event in `line`, or None for a line torn by a crash."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "kind" in event else None


def read_events(path: Path) -> list[Event]:
    """Every whole event of the file."""
    return Follower(path).new()


def request(run_dir: Path, name: str, value: str = "") -> None:
    """Ask the job in `run_dir` for one of `REQUESTS`, `value` saying more; it answers with an `ack` event."""
    if name not in REQUESTS:
        raise ValueError(f"{name} is no request; known are {', '.join(REQUESTS)}")
    write_text(run_dir / "control" / name, value)


def take_requests(run_dir: Path) -> dict[str, str]:
    """The requests waiting in `run_dir` with their values, taken so that each is answered once.

    A file may also end in .txt, as editors have it. One that needs a value waits until it holds one.
    """
    try:
        waiting = {path.stem: path for path in (run_dir / "control").iterdir() if path.suffix in ("", ".txt")}
    except FileNotFoundError:
        return {}
    taken: dict[str, str] = {}
    for name in REQUESTS:
        if name in waiting:
            value = waiting[name].read_text(encoding="utf-8-sig", errors="replace").strip()
            if value or name not in WITH_VALUE:
                waiting[name].unlink(missing_ok=True)
                taken[name] = value
    return taken
