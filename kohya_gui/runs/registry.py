"""Status of runs, read from their folders alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, get_args

import psutil

from kohya_gui.runs.process import CLOCK_TOLERANCE, Identity, find, living, recall
from train_core.config.existing import is_file
from train_core.config.places import runs_dir, tools_dir
from train_core.events.event import Event
from train_core.events.kinds import Acknowledged, EndStatus, Finished, Progress, Resumed, Schema, Started
from train_core.events.reading import Placed, parse_placed
from train_core.facts.run.run_folders import is_held

Status = Literal["queued", "running", "stopping", "completed", "stopped", "paused", "failed", "lost"]
ENDED: tuple[Status, ...] = get_args(EndStatus)
AT_WORK: tuple[Status, ...] = ("running", "stopping")
ACTIVE: tuple[Status, ...] = ("queued", *AT_WORK)
ENDING = ("stop", "pause")  # requests after which a run ends
RUN_NAME = re.compile(r"(\d{8}-\d{6})-(.+)", re.DOTALL)
LANDMARKS = (Schema, Started, Resumed, Acknowledged, Finished)
PROGRESS_LINE = b'{"kind": "progress"'  # as the log writes it; a line that begins otherwise is read like any other
PART_BYTES = 32_768  # of the start and of the end; far more than the first and the last few events take


@dataclass(frozen=True)
class RunInfo:
    """Summary of a run. `step` and `total_steps` are 0 until they are known."""

    id: str
    folder: Path
    name: str
    created: datetime
    status: Status = "queued"
    step: int = 0
    total_steps: int = 0


def find_run(run_id: str) -> Path | None:
    """The folder of the run `run_id`, or None; also None for a name that leads out of the runs' folder."""
    return _within(runs_dir(), run_id)


def find_job(run_id: str) -> Path | None:
    """The same for a use of a tool, too."""
    return find_run(run_id) or _within(tools_dir(), run_id)


def _within(place: Path, run_id: str) -> Path | None:
    folder = place / run_id
    is_one_name = bool(RUN_NAME.fullmatch(run_id)) and Path(run_id).name == run_id and "\\" not in run_id
    return folder if is_one_name and is_file(folder / "config.toml") else None


def read_run(folder: Path) -> RunInfo | None:
    """Summary of the run in `folder`, or None if it is not a run."""
    info = info_of(folder)
    if info is None or find_run(folder.name) is None:
        return None
    digest = digest_of(folder)
    status = status_of(folder, digest.landmarks)
    if status == "lost":  # it may have said its last words between the look at them and at its process
        digest = digest_of(folder)
        status = status_of(folder, digest.landmarks)
    return replace(info, status=status, step=digest.step, total_steps=digest.total_steps)


def info_of(folder: Path) -> RunInfo | None:
    """Summary of a run from the name of its folder alone, or None if that is not a run's name."""
    match = RUN_NAME.fullmatch(folder.name)
    if match is None:
        return None
    try:
        created = datetime.strptime(match.group(1), "%Y%m%d-%H%M%S")
    except ValueError:
        return None  # digits that are no date: somebody else's folder
    return RunInfo(folder.name, folder, match.group(2), created)


@dataclass(frozen=True)
class Digest:
    """Digest of a run's events for the list of runs: those that decide its status, and its progress."""

    landmarks: tuple[Placed, ...] = ()
    step: int = 0
    total_steps: int = 0


def digest_of(folder: Path) -> Digest:
    """The digest of the run's events; an empty one before it has any."""
    try:
        return _read_digest(folder / "events.jsonl")
    except OSError:
        return Digest()


def _read_digest(path: Path) -> Digest:
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = [(0, file.read(PART_BYTES))]
        if size > PART_BYTES:
            file.seek(size - PART_BYTES)
            parts.append((size - PART_BYTES, file.read(PART_BYTES)))
    placed = [found for start, part in parts for found in parse_placed(_without_old_progress(part), start)]
    events = [event for _, event in placed]
    step = next((e.step for e in reversed(events) if isinstance(e, Progress)), 0)
    totals = (e.total_steps for e in reversed(events) if isinstance(e, Progress | Started))
    landmarks = tuple((place, event) for place, event in placed if is_landmark(event))
    return Digest(landmarks, step, next((total for total in totals if total), 0))


def _without_old_progress(part: bytes) -> bytes:
    """`part` with all progress lines blanked but the newest two, of which the last may be torn; they are most of it."""
    lines = part.split(b"\n")
    progress = [number for number, line in enumerate(lines) if line.startswith(PROGRESS_LINE)]
    for number in progress[:-2]:
        lines[number] = b" " * len(lines[number])
    return b"\n".join(lines)


def is_landmark(event: Event) -> bool:
    """Whether a run's status depends on `event`. One that names a process begins a new life of the run."""
    return isinstance(event, LANDMARKS) or event.pid is not None


def status_of(folder: Path, landmarks: Sequence[Placed]) -> Status:
    """Status of the run, from those of its events that are landmarks, and from its process."""
    identity = recall(folder)
    events = _of_last_life(landmarks, identity)
    finished = next((e for e in reversed(events) if isinstance(e, Finished)), None)
    if finished is not None:
        return finished.status
    if identity is None and not (folder / "events.jsonl").exists():
        return "queued"
    if living_processes(folder, events) or is_held(folder):
        acknowledged = any(isinstance(e, Acknowledged) and e.request in ENDING for e in events)
        asked = any((folder / "control" / name).exists() for name in ENDING)
        return "stopping" if acknowledged or asked else "running"
    return "stopped" if identity is not None and identity.killed else "lost"


def _of_last_life(landmarks: Sequence[Placed], identity: Identity | None) -> list[Event]:
    """The events of the latest process, since a resumed run continues in the folder in which it had ended."""
    if identity is not None and identity.events_before is not None:
        events = [e for place, e in landmarks if place >= identity.events_before]
    else:
        since = identity.started - CLOCK_TOLERANCE if identity is not None else 0.0
        events = [e for _, e in landmarks if (e.time or since) >= since]
    begun = max((number for number, e in enumerate(events) if e.pid is not None), default=0)
    return events[begun:]


def living_processes(folder: Path, events: Sequence[Event]) -> list[psutil.Process]:
    """The run's living processes: the one we started, and the job itself, which reports its number when it starts."""
    identity = recall(folder)
    found = [find(identity)] if identity is not None else []
    found += [_job_process(e) for e in events if e.pid is not None]
    return [process for process in found if process is not None]


def _job_process(event: Event) -> psutil.Process | None:
    """The living process that sent `event` when it started; one started later only reuses the number."""
    assert event.pid is not None
    if event.born is not None:
        return living(event.pid, event.born)
    try:
        process = psutil.Process(event.pid)
        own = process.create_time() <= (event.time or 0.0) and process.status() != psutil.STATUS_ZOMBIE
        return process if own else None
    except (psutil.Error, ValueError, OverflowError):  # the last two for a number that no process can have
        return None
