"""The list of what a run has written, so that it replaces and removes only that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from train_core.config.existing import exists
from train_core.config.whole_files import remove_leftovers, write_text
from train_core.facts.run.result_names import numbered
from train_core.facts.run.written import MANIFEST, Kind, Written, remove_written


class Manifest:
    """The list of a run's files, kept in its run folder before each is written, so that a kill leaves none unknown."""

    def __init__(self, run_dir: Path, earlier: Iterable[list[Any]] = (), resumed_at: int = 0) -> None:
        """Goes on with the list in `run_dir` and with `earlier`, the list of the state after step `resumed_at`."""
        self._resumed_at = resumed_at
        self._file = run_dir / MANIFEST
        self._written: dict[str, Written] = {}
        for fields in [*earlier, *self._read()]:
            self._written[fields[0]] = Written(*fields)

    def claim(
        self, path: Path, kind: Kind, step: int, epoch: int, files: Callable[[Path], list[Path]] = lambda path: [path]
    ) -> Path:
        """Claim a path to write to: `path`, if it is free or may be replaced, else the next free number of it.

        A run replaces what it wrote itself after the step from which it was resumed: a longer run's result does not
        take the place of the shorter one's. `files` are all that is written for a path, which are claimed together.
        """
        if not all(self._may_replace(one, step) or not exists(one) for one in files(path)):
            path = numbered(path, files)
        for one in files(path):
            self._written[str(one)] = Written(str(one), kind, step, epoch)
        self._write()
        remove_leftovers(files(path))
        return path

    def _may_replace(self, path: Path, step: int) -> bool:
        own = self._written.get(str(path))
        return own is not None and (own.step in (0, step) or own.step > self._resumed_at)

    def sweep(self) -> None:
        """Remove what a killed process of this run left half-written, and forget what is no longer there.

        A state lists what was removed after it was written; what others put there since is not the run's.
        """
        remove_leftovers([self._file, *map(Path, self._written)])
        self._written = {path: written for path, written in self._written.items() if Path(path).exists()}

    def keep_newest(self, kind: Kind, last: int, step: int) -> None:
        """Remove the run's files of `kind` beyond the `last` ones, 0 being all: epochs are counted, steps measured."""
        found = sorted((w for w in self._written.values() if w.kind == kind), key=lambda w: w.step)
        if last and kind.startswith("epoch"):
            kept = sorted({written.step for written in found})[-last:]  # a save may be of several files
            self._remove([written for written in found if written.step not in kept])
        elif last:
            self._remove([written for written in found if written.step < step - last])

    def results(self) -> dict[Path, int]:
        """The saved results with the steps after which they were saved."""
        kinds = ("epoch", "step", "asked", "final")
        return {Path(written.path): written.step for written in self._written.values() if written.kind in kinds}

    def fields(self) -> list[list[Any]]:
        """The list as a state stores it."""
        return [[w.path, w.kind, w.step, w.epoch] for w in self._written.values()]

    def _remove(self, doomed: list[Written]) -> None:
        for written in doomed:
            try:
                remove_written(Path(written.path))
            except OSError:  # open elsewhere, on Windows, or out of reach: it stays listed for next time
                continue
            del self._written[written.path]
        if doomed:
            self._write()

    def _read(self) -> list[list[Any]]:
        return json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else []

    def _write(self) -> None:
        """Write the list to the run's folder. If that is full, the event log says so; states hold the list too."""
        with suppress(OSError):
            write_text(self._file, json.dumps(self.fields(), ensure_ascii=False, indent=1) + "\n")
