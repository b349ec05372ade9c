"""A run as the page shows it, kept up to date from what its job appends to its files."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from kohya_gui.runs.curve import Point, decimate
from kohya_gui.runs.registry import Status, is_landmark, status_of
from train_core.config.problems import Problem, problem
from train_core.events import Event, Follower
from train_core.facts.run.states import INFO

CONSOLE_BYTES = 32_768
CONSOLE_LINES = 200
# The events that change the curves, and those that change the pictures; "sample" alone changes nothing else.
CURVES, PICTURES = ("progress", "validation", "resumed"), ("sample", "resumed")


@dataclass(frozen=True)
class Sample:
    """A sample picture and what it was drawn from."""

    path: Path
    prompt: str
    index: int
    step: int
    epoch: int
    seed: int


@dataclass(frozen=True)
class Saved:
    """A file that the run has written."""

    path: Path
    step: int
    epoch: int
    final: bool


@dataclass(frozen=True)
class Table:
    """What a tool has found, by the names of the table and its columns."""

    name: str
    columns: list[str]
    rows: list[list[Any]]


@dataclass
class Revision:
    """How many events have changed each part of a view, and the console's time and size.

    What was drawn from equal ones still holds.
    """

    status: int = 0
    curves: int = 0
    pictures: int = 0
    console: tuple[int, int] = (0, 0)


@dataclass
class RunView:
    """Everything the page shows of a run. Times are seconds, `speed` is steps a second; None is not known yet."""

    id: str
    job: str = ""
    status: Status = "queued"
    stage: str = ""
    stage_done: int = 0
    stage_total: int = 0
    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    epochs: int = 0
    loss: float | None = None
    average: float | None = None
    lr: dict[str, float] = field(default_factory=dict)
    speed: float | None = None
    eta: float | None = None
    started: float | None = None
    ended: float | None = None
    result: str = ""
    losses: list[Point] = field(default_factory=list)
    averages: list[Point] = field(default_factory=list)
    validations: list[Point] = field(default_factory=list)
    lr_curves: dict[str, list[Point]] = field(default_factory=dict)
    rates: dict[str, dict[str, float]] = field(default_factory=dict)  # found for an optimizer, by setting
    samples: list[Sample] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)
    states: list[Saved] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    console: str = ""
    revision: Revision = field(default_factory=Revision)

    @property
    def can_resume(self) -> bool:
        """Whether the run has ended before its time and left a state that is still there."""
        unfinished = self.status in ("paused", "stopped", "failed", "lost")
        return unfinished and any((state.path / INFO).is_file() for state in self.states)


class RunFollower:
    """Follows one run folder. `view()` reads only what is new, so that it can be asked every second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._follower = Follower(folder / "events.jsonl")
        self._lock = threading.Lock()
        self._landmarks: list[Event] = []
        self._view = RunView(folder.name)
        self._losses: list[Point] = []
        self._averages: list[Point] = []
        self._rates: dict[str, list[Point]] = {}

    def view(self) -> RunView:
        """The run as it stands now; curves have at most 1,000 points."""
        with self._lock:
            status = self._read()
            if status == "lost":
                status = self._read()  # it may have said its last words between the look at them and at its process
            self._view.status = status
            self._read_console()
            if status == "lost" and not self._view.errors:
                self._view.errors.append(_lost(self._view.console))
            return self._view

    def _read(self) -> Status:
        """Take in what is new, and return how the run stands by it."""
        events = self._follower.new()
        for event in events:
            self._take(event)
        revision = self._view.revision
        kinds = [event["kind"] for event in events]
        revision.status += sum(kind != "sample" for kind in kinds)
        revision.curves += sum(kind in CURVES for kind in kinds)
        revision.pictures += sum(kind in PICTURES for kind in kinds)
        if "progress" in kinds:
            self._view.losses, self._view.averages = decimate(self._losses), decimate(self._averages)
            self._view.lr_curves = {name: decimate(points) for name, points in self._rates.items()}
        return status_of(self.folder, self._landmarks)

    def _read_console(self) -> None:
        """Take in the end of the console, if it has changed."""
        path = self.folder / "console.log"
        try:
            state = path.stat()
        except OSError:
            return
        stamp = (state.st_mtime_ns, state.st_size)
        if stamp != self._view.revision.console:
            self._view.revision.console = stamp
            self._view.console = console_tail(path)

    def _take(self, event: Event) -> None:
        if self._view.started is None:
            self._view.started = event.get("time")
        if is_landmark(event):
            self._landmarks.append(event)
        if "pid" in event:  # a process begins, maybe in the folder of a run that had ended
            self._view.ended, self._view.result, self._view.errors = None, "", []
        handle = getattr(self, f"_on_{event['kind']}", None)
        if handle is not None:  # kinds of a later version are passed over
            handle(event)

    def _on_started(self, event: Event) -> None:
        self._view.job = event.get("job") or ""
        self._view.total_steps = event.get("total_steps") or 0
        self._view.epochs = event.get("epochs") or 0

    def _on_resumed(self, event: Event) -> None:
        """Forget what the run goes over again: all that came after the state."""
        view, step = self._view, event.get("step") or 0
        view.step, view.epoch = step, event.get("epoch") or 0
        for points in (self._losses, self._averages, view.validations, *self._rates.values()):
            points[:] = [point for point in points if point[0] <= step]
        view.samples = [sample for sample in view.samples if sample.step <= step]
        for files in (view.saved, view.states):
            files[:] = [file for file in files if file.step <= step]

    def _on_stage(self, event: Event) -> None:
        self._view.stage = event.get("name") or ""
        self._view.stage_done, self._view.stage_total = event.get("done") or 0, event.get("total") or 0

    def _on_progress(self, event: Event) -> None:
        view = self._view
        view.stage = "training"
        for name in ("step", "total_steps", "epoch", "epochs", "loss", "average", "speed", "eta"):
            if event.get(name) is not None:
                setattr(view, name, event[name])
        view.lr = event.get("lr") or {}
        _append(self._losses, view.step, event.get("loss"))
        _append(self._averages, view.step, event.get("average"))
        for name, rate in view.lr.items():
            _append(self._rates.setdefault(name, []), view.step, rate)

    def _on_sample(self, event: Event) -> None:
        self._view.samples.append(
            Sample(
                self._path(event),
                event.get("prompt") or "",
                event.get("index") or 0,
                event.get("step") or 0,
                event.get("epoch") or 0,
                event.get("seed") or 0,
            )
        )

    def _on_saved(self, event: Event) -> None:
        self._view.saved.append(
            Saved(self._path(event), event.get("step") or 0, event.get("epoch") or 0, bool(event.get("final")))
        )

    def _on_state(self, event: Event) -> None:
        self._view.states.append(Saved(self._path(event), event.get("step") or 0, event.get("epoch") or 0, False))

    def _on_validation(self, event: Event) -> None:
        _append(self._view.validations, event.get("step") or 0, event.get("loss"))

    def _on_rate_found(self, event: Event) -> None:
        self._view.rates = event.get("suggestions") or {}

    def _on_table(self, event: Event) -> None:
        self._view.tables.append(Table(event.get("name") or "", event.get("columns") or [], event.get("rows") or []))

    def _on_notice(self, event: Event) -> None:
        found = _problem_of(event)
        if found not in self._view.notices:  # a resumed run says it again
            self._view.notices.append(found)

    def _on_warning(self, event: Event) -> None:
        self._view.warnings.append(_problem_of(event))

    def _on_error(self, event: Event) -> None:
        self._view.errors.append(_problem_of(event))

    def _on_finished(self, event: Event) -> None:
        self._view.ended = event.get("time")
        self._view.result = event.get("path") or ""
        self._view.eta = None

    def _path(self, event: Event) -> Path:
        return self.folder / str(event.get("path") or "")


@lru_cache(maxsize=32)
def follower(folder: Path) -> RunFollower:
    """The follower of `folder`, shared by everyone who looks at that run."""
    return RunFollower(folder)


def console_tail(path: Path) -> str:
    """The last lines of the console as a terminal would show them; a bar drawn over and over is shown once."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - CONSOLE_BYTES))
            data = file.read()
    except FileNotFoundError:
        return ""
    lines = data.decode("utf-8", errors="replace").replace("\r\n", "\n").split("\n")
    if size > CONSOLE_BYTES:
        lines = lines[1:]  # the first one was cut
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in lines]
    return "\n".join(shown[-CONSOLE_LINES:]).strip("\n")


def _append(points: list[Point], step: int, value: Any) -> None:
    if isinstance(value, int | float):
        points.append((step, float(value)))


def _problem_of(event: Event) -> Problem:
    return Problem(str(event.get("code") or "unknown"), str(event.get("text") or ""), event.get("params") or {})


def _lost(console: str) -> Problem:
    last = next((line for line in reversed(console.splitlines()) if line.strip()), "(nothing)")
    return problem(
        "run_lost",
        "The training process ended without saying why: it was killed, the machine was restarted, or memory ran out. "
        "The last line of its console is: {last_line}",
        last_line=last.strip(),
    )
