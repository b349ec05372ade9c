"""Event files as other programs write and read them: plain JSON lines, whatever is in them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from train_core.events.event import Event as Sent
from train_core.events.log import line_of

Event = dict[str, Any]


class EventLog:
    """Appends events of any kind with any fields, in the form that today's files have."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8", newline="\n")
        if path.stat().st_size == 0:
            self.write("schema", schema=1)

    def write(self, kind: str, **fields: Any) -> None:
        self._file.write(json.dumps({"kind": kind, "time": round(time.time(), 3), **fields}) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read_events(path: Path) -> list[Event]:
    """Every whole line of the file; what a kill has torn is left out."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [found for line in whole.split(b"\n") if (found := _parsed(line))]


def _parsed(line: bytes) -> Event:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def collect(into: list[Event], sent: Sent) -> None:
    """Append an event that is sent as it would stand in the file. With `partial`, a receiver of events."""
    into.append(line_of(sent))
