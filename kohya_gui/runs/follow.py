"""A run as the page shows it, kept up to date from the files that its job appends to."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache, singledispatchmethod
from pathlib import Path

from kohya_gui.runs.curve import Point, decimate
from kohya_gui.runs.registry import Status, is_landmark, status_of
from train_core.config.problems import Problem, problem
from train_core.events import kinds as events
from train_core.events.event import Event
from train_core.events.kinds import (
    ErrorEvent,
    Finished,
    NoticeEvent,
    Progress,
    RateFound,
    RateStage,
    Resumed,
    SampleDrawn,
    Stage,
    Started,
    StateWritten,
    Table,
    Validated,
    WarningEvent,
)
from train_core.events.printing import lines_of
from train_core.events.reading import Follower, Placed
from train_core.facts.run.states import INFO, states_in

FRESH = 0.25  # seconds for which a reading does for everyone who looks
CONSOLE_BYTES = 32_768
CONSOLE_LINES = 200
NEWEST = 2_000  # of the events just read; older ones' lines are not at the console's end
OF_ONE_STAGE = "samples_alike"  # the notice that ends with a stage of the learning rate
UNFINISHED: tuple[Status, ...] = ("paused", "stopped", "failed", "lost")
# The events that change the curves, and those that change the pictures; `SampleDrawn` alone changes nothing else.
CURVES, PICTURES = (Progress, Validated, Resumed), (SampleDrawn, Resumed)


@dataclass(frozen=True, kw_only=True)
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


@dataclass
class Revision:
    """Counts of the events that have changed each part of a view, and the console's time and size.

    What was drawn from equal ones still holds.
    """

    status: int = 0
    curves: int = 0
    pictures: int = 0
    console: tuple[int, int] = (0, 0)


@dataclass
class RunView:
    """State of a run as the page shows it. Times are seconds, `speed` is steps a second; None is not known yet."""

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
    rate_stage: str = ""  # the stage of the learning rate, in words
    stages_left: int = 0  # of the learning rate
    rates: dict[str, dict[str, float]] = field(default_factory=dict)  # found for an optimizer, by setting
    samples: list[Sample] = field(default_factory=list)
    saved: list[Saved] = field(default_factory=list)
    states: list[Saved] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    notices: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    console: str = ""
    said: dict[str, str] = field(default_factory=dict)  # the console's lines that events are told in, as phrases
    revision: Revision = field(default_factory=Revision)

    @property
    def can_resume(self) -> bool:
        """Whether the run has ended early and left a state that still exists."""
        return self.status in UNFINISHED and any((state.path / INFO).is_file() for state in self.states)


class RunFollower:
    """Follows one run folder. `view()` reads only what is new, so that it can be asked every second.

    `recent()` is for many who look at once: they share what was read a moment ago.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._follower = Follower(folder / "events.jsonl")
        self._lock = threading.Lock()
        self._landmarks: list[Placed] = []
        self._output_dir = ""
        self._view = RunView(folder.name)
        self._losses: list[Point] = []
        self._averages: list[Point] = []
        self._rates: dict[str, list[Point]] = {}
        self._said: tuple[dict[str, str], dict[str, str]] = ({}, {})  # by the newest events, and by those before
        self._looked = -FRESH

    def recent(self) -> RunView:
        """The run as it was at most `FRESH` seconds ago."""
        return self._view if time.monotonic() - self._looked < FRESH else self.view()

    def view(self) -> RunView:
        """The run as it is now; curves have at most 1,000 points."""
        with self._lock:
            status = self._read()
            if status == "lost":
                status = self._read()  # it may have said its last words between the look at them and at its process
            if status in UNFINISHED and status != self._view.status:
                self._find_states()
            self._view.status = status
            self._read_console()
            if status == "lost" and not self._view.errors:
                self._view.errors.append(_lost(self._view.console))
            self._looked = time.monotonic()
            return self._view

    def _read(self) -> Status:
        """Read what is new, and return the status of the run."""
        placed = self._follower.new_placed()
        new = [event for _, event in placed]
        self._landmarks += [(place, event) for place, event in placed if is_landmark(event)]
        for event in new:
            self._take(event)
        if new:
            self._said = ({str(said): said for event in new[-NEWEST:] for said in lines_of(event)}, self._said[0])
        revision = self._view.revision
        revision.status += sum(not isinstance(event, SampleDrawn) for event in new)
        revision.curves += sum(isinstance(event, CURVES) for event in new)
        revision.pictures += sum(isinstance(event, PICTURES) for event in new)
        if any(isinstance(event, Progress) for event in new):
            self._view.losses, self._view.averages = decimate(self._losses), decimate(self._averages)
            self._view.lr_curves = {name: decimate(points) for name, points in self._rates.items()}
        return status_of(self.folder, self._landmarks)

    def _find_states(self) -> None:
        """Add states without an event: the run was killed between renaming the state and writing the event."""
        told = {state.path for state in self._view.states}
        folders = [self.folder, *([Path(self._output_dir)] if self._output_dir else [])]
        self._view.states += [
            Saved(state.path, state.step, 0, final=False)
            for folder in folders for state in states_in(folder)
            if state.path not in told and state.run_dir.resolve() == self.folder.resolve()
        ]  # fmt: skip

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
            known = self._view.said | self._said[1] | self._said[0]
            self._view.said = {said: words for said, words in known.items() if said in self._view.console}

    def _take(self, event: Event) -> None:
        if self._view.started is None:
            self._view.started = event.time
        if event.pid is not None:  # a process begins, maybe in the folder of a run that had ended
            self._view.ended, self._view.result, self._view.errors = None, "", []
        self._on(event)

    @singledispatchmethod
    def _on(self, event: Event) -> None:
        """Note what the page shows of `event`; kinds that it does not show are ignored."""

    @_on.register
    def _on_started(self, event: Started) -> None:
        self._view.job, self._view.total_steps, self._view.epochs = event.job, event.total_steps, event.epochs
        self._output_dir = event.output_dir

    @_on.register
    def _on_resumed(self, event: Resumed) -> None:
        """Forget everything after the state, which the run does again."""
        view, step = self._view, event.step
        view.step, view.epoch = step, event.epoch
        for points in (self._losses, self._averages, view.validations, *self._rates.values()):
            points[:] = [point for point in points if point[0] <= step]
        view.samples = [sample for sample in view.samples if sample.step <= step]
        for files in (view.saved, view.states):
            files[:] = [file for file in files if file.step <= step]

    @_on.register
    def _on_stage(self, event: Stage) -> None:
        self._view.stage = event.name
        self._view.stage_done, self._view.stage_total = event.done or 0, event.total or 0

    @_on.register
    def _on_progress(self, event: Progress) -> None:
        view = self._view
        view.stage = "training"
        view.step, view.total_steps = event.step or view.step, event.total_steps or view.total_steps
        view.epoch, view.epochs = event.epoch or view.epoch, event.epochs or view.epochs
        for name in ("loss", "average", "speed", "eta"):
            if (known := getattr(event, name)) is not None:
                setattr(view, name, known)
        view.lr = dict(event.lr)
        _append(self._losses, view.step, event.loss)
        _append(self._averages, view.step, event.average)
        for name, rate in view.lr.items():
            _append(self._rates.setdefault(name, []), view.step, rate)

    @_on.register
    def _on_sample(self, event: SampleDrawn) -> None:
        path = self.folder / event.path
        self._view.samples.append(Sample(
            path=path, prompt=event.prompt, index=event.index, step=event.step, epoch=event.epoch or 0, seed=event.seed
        ))  # fmt: skip

    @_on.register
    def _on_saved(self, event: events.Saved) -> None:
        self._view.saved.append(Saved(self.folder / event.path, event.step, event.epoch, event.final))

    @_on.register
    def _on_state(self, event: StateWritten) -> None:
        self._view.states.append(Saved(self.folder / event.path, event.step, event.epoch, False))

    @_on.register
    def _on_validation(self, event: Validated) -> None:
        _append(self._view.validations, event.step, event.loss)

    @_on.register
    def _on_rate_stage(self, event: RateStage) -> None:
        self._view.rate_stage, self._view.stages_left = event.words(), event.stages - event.stage
        self._end_stage()

    def _end_stage(self) -> None:
        """Forget what was said of the stage that has ended."""
        self._view.notices = [notice for notice in self._view.notices if notice.code != OF_ONE_STAGE]

    @_on.register
    def _on_rate_found(self, event: RateFound) -> None:
        self._view.rates = {name: dict(rates) for name, rates in event.suggestions.items()}

    @_on.register
    def _on_table(self, event: Table) -> None:
        self._view.tables.append(event)

    @_on.register
    def _on_notice(self, event: NoticeEvent) -> None:
        if event.problem not in self._view.notices:  # a resumed run says it again
            self._view.notices.append(event.problem)

    @_on.register
    def _on_warning(self, event: WarningEvent) -> None:
        self._view.warnings.append(event.problem)

    @_on.register
    def _on_error(self, event: ErrorEvent) -> None:
        self._view.errors.append(event.problem)

    @_on.register
    def _on_finished(self, event: Finished) -> None:
        self._view.ended = event.time
        self._view.result = event.path or ""
        self._view.eta = None
        self._end_stage()


@lru_cache(maxsize=32)
def follower(folder: Path) -> RunFollower:
    """The follower of `folder`, shared by everyone who looks at that run."""
    return RunFollower(folder)


def console_tail(path: Path) -> str:
    """The last lines of the console as a terminal would show them; a bar that was redrawn is shown once."""
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


def _append(points: list[Point], step: int, value: float | None) -> None:
    if value is not None:
        points.append((step, value))


def _lost(console: str) -> Problem:
    last = next((line for line in reversed(console.splitlines()) if line.strip()), "(nothing)")
    return problem(
        "run_lost",
        "The training process ended without giving a reason: it may have been killed, the computer restarted, or "
        "memory run out. The last line of its console is: {last_line}",
        last_line=last.strip(),
    )
