"""The list of all runs, fast however many there are: a run that has ended is read once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from kohya_gui.runs.registry import ACTIVE, ENDED, RunInfo, info_of, read_run
from train_core.config.places import caches_dir, runs_dir
from train_core.config.whole_files import write_text

FILE_VERSION = 1
FINAL = (*ENDED, "lost")
# Times of change of a run's folder and of its events, and the size of these: resuming a run changes one of them.
Stamp = tuple[int, int, int]


def list_runs() -> list[RunInfo]:
    """Every run, newest first. Other files and folders are skipped."""
    return _index(runs_dir(), caches_dir() / "run_index.json").runs()


def active_runs() -> list[RunInfo]:
    """The runs that have not ended, newest first."""
    return [info for info in list_runs() if info.status in ACTIVE]


class RunIndex:
    """The runs in `folder`. Those that have ended are remembered in memory and in `file`, for the next start."""

    def __init__(self, folder: Path, file: Path) -> None:
        self._folder = folder
        self._file = file
        self._ended = _load(file, folder)
        self._lock = threading.Lock()

    def runs(self) -> list[RunInfo]:
        """Every run, newest first. Only folders that have changed, or whose run is active, are read."""
        with self._lock:
            found = [self._look(folder, stamp) for folder, stamp in _stamped(self._folder)]
            runs = {info.id: (stamp, info) for stamp, info in found if info is not None}
            ended = {name: (stamp, info) for name, (stamp, info) in runs.items() if info.status not in ACTIVE}
            if ended != self._ended:
                self._ended = ended
                _save(self._file, ended)
        return [runs[name][1] for name in sorted(runs, reverse=True)]

    def _look(self, folder: Path, stamp: Stamp) -> tuple[Stamp, RunInfo | None]:
        known = self._ended.get(folder.name)
        return known if known is not None and known[0] == stamp else (stamp, read_run(folder))


@lru_cache(maxsize=4)
def _index(folder: Path, file: Path) -> RunIndex:
    return RunIndex(folder, file)


def _stamped(runs: Path) -> Iterator[tuple[Path, Stamp]]:
    """Entries of `runs`, each with its stamp, which is taken before it is read so that no change is missed."""
    for folder in runs.iterdir() if runs.is_dir() else ():
        try:
            changed = folder.stat().st_mtime_ns
        except OSError:
            continue  # cleared away meanwhile
        try:
            events = (folder / "events.jsonl").stat()
            yield folder, (changed, events.st_mtime_ns, events.st_size)
        except OSError:
            yield folder, (changed, 0, 0)


def _load(file: Path, folder: Path) -> dict[str, tuple[Stamp, RunInfo]]:
    """Load what `file` remembers; nothing if it is missing, damaged or of another version."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        rows = kept["runs"] if kept["version"] == FILE_VERSION else {}
        return {name: known for name, row in rows.items() if (known := _from_row(folder / name, row)) is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _from_row(folder: Path, row: list[Any]) -> tuple[Stamp, RunInfo] | None:
    changed, events_changed, events_size, status, step, total_steps = row
    info = info_of(folder)
    if info is None or status not in FINAL:
        return None
    stamp = int(changed), int(events_changed), int(events_size)
    return stamp, replace(info, status=status, step=int(step), total_steps=int(total_steps))


def _save(file: Path, ended: dict[str, tuple[Stamp, RunInfo]]) -> None:
    rows = {name: [*stamp, info.status, info.step, info.total_steps] for name, (stamp, info) in ended.items()}
    try:
        write_text(file, json.dumps({"version": FILE_VERSION, "runs": rows}))
    except OSError:
        return  # a full or read-only disk costs the next start its head start, nothing else
