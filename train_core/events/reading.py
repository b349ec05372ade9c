"""Reading events, all at once or as they come. A torn or useless line is skipped; no line raises an error."""

from __future__ import annotations

import json
from pathlib import Path

import train_core.events.kinds  # noqa: F401 - puts ours into the table of kinds
from train_core.events.coerce import build
from train_core.events.event import KINDS, Event, Unknown

Placed = tuple[int, Event]  # offset of its line in the file, and the event


class Follower:
    """Reads a growing event file from `offset` on; a torn last line waits until it is whole."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self.path = path
        self._offset = offset

    def new(self) -> list[Event]:
        """The events that have come since the last call."""
        return [event for _, event in self.new_placed()]

    def new_placed(self) -> list[Placed]:
        """The same, each with the offset of its line in the file."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        placed = parse_placed(whole, self._offset)
        self._offset += len(whole)
        return placed


def read_events(path: Path) -> list[Event]:
    """Every whole event of the file."""
    return Follower(path).new()


def parse_lines(data: bytes) -> list[Event]:
    """The events in `data`, which may begin and end within a line."""
    return [event for _, event in parse_placed(data)]


def parse_placed(data: bytes, start: int = 0) -> list[Placed]:
    """The same, each with the offset of its line; `data` begins at offset `start`."""
    placed = []
    for line in data.split(b"\n"):
        if (event := parse(line)) is not None:
            placed.append((start, event))
        start += len(line) + 1
    return placed


def parse(line: bytes) -> Event | None:
    """The event in `line`; `Unknown` for a kind that is not known, None for a line torn by a crash."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = found.get("kind") if isinstance(found, dict) else None
    if not isinstance(kind, str):
        return None
    if kind in KINDS:
        return build(KINDS[kind], found).fitted()
    return build(Unknown, {**found, "name": kind})
