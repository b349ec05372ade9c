"""What a training is expected to take, from past runs on this machine that did the same work, and from tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import ACTIVE, RunInfo
from kohya_gui.runs.trying import remembered
from train_core.config.jobs.train import TrainConfig
from train_core.events.kinds import Measured
from train_core.events.reading import parse
from train_core.facts.adapters.model_measures import measures_of_chosen
from train_core.facts.run.costs import work_digest

RUNS_LOOKED_AT = 200  # the newest
END_BYTES = 16_384  # of a run's events, within which it says what it has taken
FEWEST_STEPS = 10  # whose time says something
LINE = b'{"kind": "measured"'  # as the log writes it


@dataclass(frozen=True)
class Expected:
    """What a training is expected to take, as `measured`, by the run of this name; "" for a try."""

    measured: Measured
    run: str

    @property
    def when(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self.measured.time) if self.measured.time else None
        except (OverflowError, ValueError, OSError):
            return None  # no time that a clock shows


def expected_of(config: TrainConfig) -> Expected | None:
    """What was measured last of the same work; None where nothing was, or no base model is chosen."""
    if measures_of_chosen(config.model) is None:
        return None
    work = work_digest(config)
    tried = remembered(work)
    found = [Expected(tried, "")] if tried is not None and tried.fits else []
    run = next((one for one in _of_runs(work)), None)
    found += [run] if run is not None else []
    return max(found, key=lambda one: one.measured.time or 0.0, default=None)


def _of_runs(work: str) -> list[Expected]:
    """What past runs took that did this `work`, newest first."""
    ended = [run for run in list_runs()[:RUNS_LOOKED_AT] if run.status not in ACTIVE]
    found = [(run, _measured_by(run)) for run in ended]
    return [
        Expected(measured, run.name) for run, measured in found
        if measured is not None and measured.work == work and measured.steps >= FEWEST_STEPS
    ]  # fmt: skip


def _measured_by(run: RunInfo) -> Measured | None:
    events = run.folder / "events.jsonl"
    try:
        status = events.stat()
    except OSError:
        return None
    return _read(events, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4 * RUNS_LOOKED_AT)
def _read(events: Path, changed: int, size: int) -> Measured | None:
    """What stands near the end of the file; `changed` and `size` tell whether it is still what was read before."""
    try:
        with events.open("rb") as file:
            file.seek(max(0, size - END_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return None
    found = (parse(line) for line in reversed(lines) if line.startswith(LINE))
    return next((one for one in found if isinstance(one, Measured)), None)
