"""Sending events: the file they are appended to, one JSON object a line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from train_core.config.phrases import to_plain
from train_core.config.problems import Problem
from train_core.events.event import Event, own_fields
from train_core.events.kinds import ProblemEvent, Progress, Schema

SCHEMA = 1
Emit = Callable[[Event], None]


class EventLog:
    """Appends events to a file. One writer: the job's main process.

    Lines for which the drive has no space wait in memory and are written first once there is space again.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        self._waiting = bytearray()
        if path.stat().st_size == 0:
            self._waiting += _line(Schema(SCHEMA))
        elif not _ends_with_newline(path):
            self._waiting += b"\n"  # a torn line of an earlier process stays alone
        with suppress(OSError):  # the first event will raise it again
            self._send()

    def write(self, event: Event) -> None:
        """Append one event, so that readers see it at once. Raises OSError if it has to wait."""
        if not (self._waiting and isinstance(event, Progress)):  # the next progress event replaces it
            self._waiting += _line(event)
        self._send()

    def _send(self) -> None:
        while self._waiting:
            del self._waiting[: self._file.write(self._waiting)]

    def close(self) -> None:
        self._file.close()


def _line(event: Event) -> bytes:
    return json.dumps(line_of(event), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def line_of(event: Event) -> dict[str, Any]:
    """Line of `event` in the file."""
    when = round(time.time(), 3) if event.time is None else event.time
    process = {"pid": event.pid, "born": event.born}
    told = {name: value for name, value in process.items() if value is not None}
    return {"kind": event.kind, "time": when, **_written(event, own_fields(type(event))), **told}


def _written(instance: Any, own: Iterable[Field[Any]]) -> dict[str, Any]:
    """The values of a dataclass by field, without those with a default that have it."""
    values = [(one, getattr(instance, one.name)) for one in own]
    return {one.name: _plain(value) for one, value in values if value != _default(one)}


def _default(one: Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if is_dataclass(value):
        return _written(value, fields(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def emit_problems(emit: Emit, kind: type[ProblemEvent], problems: Iterable[Problem]) -> None:
    """Send each problem as a notice, a warning or an error."""
    for p in problems:
        emit(kind(p.code, p.text, to_plain(p.params)))
