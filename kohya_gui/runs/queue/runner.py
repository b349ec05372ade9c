"""The runner of the queue: starts the next run when its device is free; one runner at a time on a machine."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from kohya_gui.runs.exclusive import exclusive
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.launch import START, launch
from kohya_gui.runs.occupancy import devices_of, has_room, occupied
from kohya_gui.runs.queue.afterwards import draw_due
from kohya_gui.runs.queue.listing import listed
from kohya_gui.runs.queue.queue_file import Entry, Queue, change, load
from kohya_gui.runs.queue.queueing import check_run
from kohya_gui.runs.queue.when_empty import SECONDS_TO_CANCEL, run_command, switch_off
from kohya_gui.runs.registry import AT_WORK
from kohya_gui.runs.tools import active_tool
from train_core.config.locks import is_locked, take_lock
from train_core.config.places import home, runs_dir
from train_core.config.problems import Problem, UserError, problem

POLL = 0.5  # seconds
LOCK = "queue-runner.lock"

_this_process = threading.Lock()  # the lock file keeps out other processes only


@dataclass(frozen=True)
class Happening:
    """What a runner has just done or seen; an ended run may have ended long ago, before the runner was started."""

    what: Literal["started", "ended", "refused", "empty"]
    run: str = ""
    problems: tuple[Problem, ...] = ()


class Runner:
    """Runs the queue, one `look` after the other. Whoever calls it holds `runner_lock`.

    What it knows of runs comes from their folders, so that a new runner goes on where another was killed.
    `power_off` switches the machine off; it is never called unless this runner has seen a run of the queue at work.
    """

    def __init__(
        self, tell: Callable[[Happening], None] = lambda _: None, now: Callable[[], float] = time.time,
        power_off: Callable[[], None] = switch_off,
    ) -> None:  # fmt: skip
        self._tell = tell
        self._now = now
        self._power_off = power_off
        self._worked = False
        change(lambda queue: replace(queue, power_off_at=0.0))  # whoever counted down to it is gone

    def look(self) -> bool:
        """Start what can start and settle what has ended; returns whether there is more to do."""
        waits = self._settle(load())
        drawing = draw_due(lambda run, problems: self._tell(Happening("refused", run, problems)))
        if waits.entries:
            self._start_due()
        queue = load()
        standing = {one.standing for one in listed(queue)}
        active = drawing or not standing <= {"refused", "gone"}
        self._worked |= "running" in standing
        self._attend_the_end(queue, active)
        return active or load().power_off_at > 0

    def _settle(self, queue: Queue) -> Queue:
        """Take what has ended out of the queue."""
        done = [one.entry for one in listed(queue) if one.standing in ("ended", "gone")]
        if not done:
            return queue
        kept = change(lambda now: now.without(*(entry.run for entry in done if entry in now.entries)))
        for entry in done:
            self._tell(Happening("ended", entry.run))
        return kept

    def _start_due(self) -> None:
        """Start every run whose turn it is; one that cannot be started is marked and does not stop the others."""
        while (entry := self._next(load())) is not None:
            try:
                check_run(runs_dir() / entry.run)  # may take long: meanwhile the queue can be changed
                if not self._start(entry):
                    return
            except UserError as error:
                self._refuse(entry, error.problems)
            except Exception as error:  # a defect of ours, which may not end the night for the runs behind it
                traceback.print_exc()
                self._refuse(entry, (_defect(error),))

    def _next(self, queue: Queue) -> Entry | None:
        """The first run that may start now. One that waits for its devices lets none behind it have them."""
        if queue.paused:
            return None
        taken = None
        for one in listed(queue):
            if one.standing != "waiting" or one.entry.not_before > self._now():
                continue
            taken = occupied() if taken is None else taken
            devices = devices_of(one.folder)
            if has_room(devices, taken, queue.at_once):
                return one.entry
            taken.update(dict.fromkeys(devices, queue.at_once))
        return None

    def _start(self, entry: Entry) -> bool:
        """Start the run of `entry`, unless the queue or the devices have changed meanwhile. Returns whether it was."""
        started = False

        def begin(queue: Queue) -> Queue:
            nonlocal started
            if self._next(queue) == entry:
                launch(runs_dir() / entry.run)
                started = True
            return queue

        with exclusive(START):
            change(begin)
        if started:
            self._worked = True
            self._tell(Happening("started", entry.run))
        return started

    def _refuse(self, entry: Entry, problems: tuple[Problem, ...]) -> None:
        change(lambda queue: queue.with_entry(replace(entry, refused=problems)) if entry in queue.entries else queue)
        self._tell(Happening("refused", entry.run, problems))

    def _attend_the_end(self, queue: Queue, active: bool) -> None:
        """Do what was chosen once nothing waits or runs any more, and count down to switching off."""
        if queue.power_off_at:
            if active or _busy():
                change(lambda now: replace(now, power_off_at=0.0))
                self._worked = True  # it is done when this has ended, too
            elif self._now() >= queue.power_off_at:
                change(lambda now: replace(now, power_off_at=0.0, when_empty="nothing"))
                self._attempt(self._power_off)
        elif self._worked and not active and not _busy():
            self._worked = False
            self._end(queue)

    def _end(self, queue: Queue) -> None:
        now = self._now()
        off_at = now + SECONDS_TO_CANCEL if queue.when_empty == "power_off" else 0.0
        change(lambda queue: replace(queue, emptied=now, power_off_at=off_at, trouble=None))
        if queue.when_empty == "command":
            self._attempt(lambda: run_command(queue.command))
        self._tell(Happening("empty"))

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do `action`; where it cannot be done, the queue says why."""
        try:
            action()
        except UserError as error:
            trouble = error.problems[0]
            change(lambda queue: replace(queue, trouble=trouble))


def _busy() -> bool:
    """Whether a run or a tool is at work, in the queue or not."""
    return active_tool() is not None or any(run.status in AT_WORK for run in list_runs())


def _defect(error: Exception) -> Problem:
    return problem(
        "queue_start_failed",
        "The run could not be started because of a fault in the program: {reason}. The console of the page says more; "
        "please report it.",
        reason=f"{type(error).__name__}: {error}",
    )


@contextmanager
def runner_lock() -> Iterator[bool]:
    """Be the only runner until the block ends; False if another process or thread is the runner."""
    if not _this_process.acquire(blocking=False):
        yield False
        return
    try:
        home().mkdir(parents=True, exist_ok=True)
        lock = take_lock(home() / LOCK)
        try:
            yield lock is not None
        finally:
            if lock is not None:
                lock.release()
    finally:
        _this_process.release()


def is_run() -> bool:
    """Whether a page or a terminal runs the queue now."""
    return _this_process.locked() or is_locked(home() / LOCK)  # in this order: looking at our own lock would lose it


class BackgroundRunner:
    """Runs the queue in a thread until it is closed, as soon and as long as no other process does."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._stand_by, name="queue", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Start nothing more; what runs goes on."""
        self._closed.set()
        self._thread.join(timeout=10)

    def _stand_by(self) -> None:
        while not self._closed.wait(POLL):
            with self._reporting(), runner_lock() as mine:
                if mine:
                    self._run()

    def _run(self) -> None:
        runner = Runner()
        while not self._closed.wait(POLL):
            with self._reporting():
                runner.look()

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Say what goes wrong in the console, once as long as it stays the same, and go on."""
        try:
            yield
        except Exception as error:
            said = str(error) if isinstance(error, UserError) else "".join(traceback.format_exception(error))
            if said != self._said:
                print(f"Queue: {said}", file=sys.stderr, flush=True)
            self._said = said
