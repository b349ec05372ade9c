"""What an opened run shows of its events: read once, afterwards only what was appended to them."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from train_core.config.problems import Problem
from train_core.events.event import Event
from train_core.events.kinds import ErrorEvent, Progress, Resumed, SampleDrawn, Saved, Started, Validated
from train_core.events.reading import Follower

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass
class Record:
    """Events of a run by their kind, without those that a resumed run has repeated; paths in them are whole.

    `revision` counts the events read, so that equal ones mean equal records.
    """

    started: Started | None = None
    progress: list[Progress] = field(default_factory=list)
    samples: list[SampleDrawn] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)
    validations: list[Validated] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    revision: int = 0


def record_of(folder: Path) -> Record:
    """What the events of the run in `folder` say by now."""
    return _reader(folder).record()


def epochs_at(record: Record, steps: Iterable[int]) -> dict[int, int]:
    """The epoch in which each of `steps` lies, by step; 0 where that is not known."""
    progress = sorted(record.progress, key=lambda one: one.step)
    reported = [one.step for one in progress]
    told = {one.step: one.epoch for one in record.saved if one.epoch}
    told |= {one.step: one.epoch for one in record.validations if one.epoch}
    places = {step: bisect_right(reported, step) for step in steps}
    return {step: told.get(step) or (progress[place - 1].epoch if place else 0) for step, place in places.items()}


def sample_named(folder: Path, name: str) -> Path | None:
    """The sample picture of the run that is called `name`, or None if it has drawn no such one."""
    paths = (Path(one.path) for one in record_of(folder).samples)
    return next((path for path in paths if path.name == name and path.suffix.lower() in PICTURES), None)


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._follower = Follower(folder / "events.jsonl")
        self._record = Record()
        self._lock = threading.Lock()

    def record(self) -> Record:
        with self._lock:
            new = self._follower.new()
            for event in new:
                self._take(event)
            self._record.revision += len(new)
            known = self._record
            return replace(
                known, progress=[*known.progress], samples=[*known.samples], saved=[*known.saved],
                validations=[*known.validations], errors=[*known.errors],
            )  # fmt: skip

    def _take(self, event: Event) -> None:
        record = self._record
        if event.pid is not None:  # a process begins, maybe in the folder of a run that had failed
            record.errors.clear()
        match event:
            case Started():
                record.started = event
            case Progress():
                record.progress.append(event)
            case SampleDrawn():
                record.samples.append(replace(event, path=str(self._folder / event.path)))
            case Saved():
                record.saved.append(replace(event, path=str(self._folder / event.path)))
            case Validated():
                record.validations.append(event)
            case ErrorEvent():
                record.errors.append(event.problem)
            case Resumed():
                _forget_later(record, event.step)


def _forget_later(record: Record, step: int) -> None:
    """Drop what came after `step`, which the run does again."""
    record.progress[:] = [one for one in record.progress if one.step <= step]
    record.samples[:] = [one for one in record.samples if one.step <= step]
    record.saved[:] = [one for one in record.saved if one.step <= step]
    record.validations[:] = [one for one in record.validations if one.step <= step]


@lru_cache(maxsize=16)
def _reader(folder: Path) -> _Reader:
    return _Reader(folder)
