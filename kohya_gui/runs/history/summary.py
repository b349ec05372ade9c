"""What the list of runs says of each: read once from its events, afterwards only what was appended to them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from kohya_gui.runs.registry import PROGRESS_LINE
from train_core.config.problems import Problem
from train_core.events.event import Event
from train_core.events.kinds import (
    ErrorEvent,
    Finished,
    Progress,
    Resumed,
    SampleDrawn,
    Started,
    StateWritten,
    Validated,
)
from train_core.events.reading import parse
from train_core.facts.run.states import INFO

MOST_KNOWN = 1_000  # runs; the oldest ones looked at are forgotten


@dataclass(frozen=True)
class Summary:
    """What a run's events say. `seconds` is the time at work, without pauses between its processes.

    `samples` are (step, path) in their order; `loss` is the average, or the last one before there is an average.
    """

    job: str = ""
    seconds: float = 0.0
    loss: float | None = None
    validation: float | None = None
    epoch: int = 0
    epochs: int = 0
    result: str = ""
    error: Problem | None = None
    samples: tuple[tuple[int, Path], ...] = ()
    states: tuple[Path, ...] = ()

    @property
    def thumbnail(self) -> Path | None:
        """The newest sample picture."""
        return self.samples[-1][1] if self.samples else None

    @property
    def can_resume(self) -> bool:
        """Whether there still is a state to go on from."""
        return any((state / INFO).is_file() for state in self.states)


def summary_of(folder: Path) -> Summary:
    """What the events of the run in `folder` say by now."""
    return _shelf().summary(folder)


@dataclass
class _Reading:
    """How far a run's events are read, and what they have said."""

    offset: int = 0
    stamp: tuple[int, int] = (0, 0)
    process: tuple[int, str | None] | None = None
    before: float = 0.0  # seconds that earlier processes were at work
    began: float | None = None
    last: float | None = None
    summary: Summary = Summary()


class _Shelf:
    """Readings by folder."""

    def __init__(self) -> None:
        self._readings: OrderedDict[Path, _Reading] = OrderedDict()
        self._lock = threading.Lock()

    def summary(self, folder: Path) -> Summary:
        with self._lock:
            reading = self._readings.pop(folder, None) or _Reading()
            self._readings[folder] = reading = _read_on(folder, reading)
            while len(self._readings) > MOST_KNOWN:
                self._readings.popitem(last=False)
            return reading.summary


@lru_cache(maxsize=1)
def _shelf() -> _Shelf:
    return _Shelf()


def _read_on(folder: Path, reading: _Reading) -> _Reading:
    """`reading` with what was appended since; begun anew if the file has become shorter, empty without a file."""
    path = folder / "events.jsonl"
    try:
        state = path.stat()
        stamp = (state.st_mtime_ns, state.st_size)
        if stamp == reading.stamp:
            return reading
        if state.st_size < reading.offset:
            reading = _Reading()
        with path.open("rb") as file:
            file.seek(reading.offset)
            data = file.read()
    except OSError:
        return _Reading()
    whole = data[: data.rfind(b"\n") + 1]  # a torn last line waits until it is whole
    for event in _telling(whole):
        _take(reading, folder, event)
    reading.offset += len(whole)
    reading.stamp = stamp
    return reading


def _telling(data: bytes) -> Iterator[Event]:
    """The events in `data`, of the progress only the last before something else; it is most of a file."""
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1]):
        if line.startswith(PROGRESS_LINE) and lines[number + 1].startswith(PROGRESS_LINE):
            continue
        event = parse(line)
        if event is not None:
            yield event


def _take(reading: _Reading, folder: Path, event: Event) -> None:
    """Take what `event` says into `reading`."""
    process = None if event.pid is None else (event.pid, event.born)
    if process is not None and process != reading.process:
        reading.before = _seconds(reading)
        reading.process, reading.began, reading.last = process, event.time, event.time
        reading.summary = replace(reading.summary, error=None, result="")
    reading.began = event.time if reading.began is None else reading.began
    reading.last = event.time or reading.last
    reading.summary = replace(_with(reading.summary, folder, event), seconds=_seconds(reading))


def _seconds(reading: _Reading) -> float:
    if reading.began is None or reading.last is None:
        return reading.before
    return reading.before + max(0.0, reading.last - reading.began)


def _with(known: Summary, folder: Path, event: Event) -> Summary:
    """`known` and what `event` adds to it."""
    match event:
        case Started():
            return replace(known, job=event.job, epochs=event.epochs)
        case Progress():
            loss = event.loss if event.average is None else event.average
            known = replace(known, epoch=event.epoch or known.epoch, epochs=event.epochs or known.epochs)
            return known if loss is None else replace(known, loss=loss)
        case SampleDrawn():
            return replace(known, samples=(*known.samples, (event.step, folder / event.path)))
        case StateWritten():
            return replace(known, states=(*known.states, folder / event.path))
        case _:
            return _with_rare(known, event)


def _with_rare(known: Summary, event: Event) -> Summary:
    match event:
        case Resumed():  # what came after the state is done again
            return replace(known, samples=tuple(one for one in known.samples if one[0] <= event.step))
        case Validated() if event.loss is not None:
            return replace(known, validation=event.loss)
        case ErrorEvent():
            return replace(known, error=event.problem)
        case Finished():
            return replace(known, result=event.path or "")
        case _:
            return known
