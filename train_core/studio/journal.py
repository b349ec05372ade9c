"""The journal of a dataset: every decision about its pictures as one line of JSON, only ever added to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from train_core.config.locks import take_lock
from train_core.studio.dataset import not_written

FILE, LOCK = "journal.jsonl", "journal.lock"
LOOKS, SECONDS_BETWEEN_LOOKS = 200, 0.05  # while another process writes
# By file: a lock of the system keeps out other processes alone, and a dataset may be open twice in this one.
_ONE_AT_A_TIME: dict[Path, RLock] = {}

Entry = dict[str, Any]


class Journal:
    """The lines of one dataset's journal. A line that was cut short, as a killed process leaves it, does not count."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._lock = folder / LOCK
        self._place = 0  # bytes that were read
        self._threads = _ONE_AT_A_TIME.setdefault(self._file, RLock())
        self._depth = 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other writer waiting, in this process and in others. Raises UserError where nothing is written."""
        with self._threads:
            if self._depth:
                yield
                return
            lock = None
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                for _ in range(LOOKS):
                    lock = take_lock(self._lock)
                    if lock is not None:
                        break
                    time.sleep(SECONDS_BETWEEN_LOOKS)
            except OSError as error:
                raise not_written(self._file.parent, error) from error
            if lock is None:
                raise not_written(self._file.parent, TimeoutError(None, "another process holds its lock"))
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                lock.release()

    def new(self) -> Iterator[Entry]:
        """The entries that were added since this was asked last, also by other processes."""
        try:
            with self._file.open("rb") as file:
                file.seek(self._place)
                content = file.read()
        except FileNotFoundError:
            return
        whole = content.rfind(b"\n") + 1
        self._place += whole
        for line in content[:whole].splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):  # the rest of a line that was cut short
                continue
            if isinstance(entry, dict):
                yield entry

    def add(self, entry: Mapping[str, Any]) -> None:
        """Write an entry, which is on the drive when this returns; only within `alone`. Raises UserError."""
        line = json.dumps(entry, separators=(",", ":")).encode()
        try:
            with self._file.open("ab") as file:
                if file.tell() > self._place:  # the next line must not become part of one that was cut short
                    line = b"\n" + line
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise not_written(self._file.parent, error) from error
