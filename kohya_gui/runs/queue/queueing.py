"""Changes to the queue that people ask for: adding, editing, moving, removing, and when it runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kohya_gui.runs.launch import prepare
from kohya_gui.runs.queue.listing import latest_start, standing_of
from kohya_gui.runs.queue.queue_file import MOST_AT_ONCE, Entry, Queue, WhenEmpty, change
from train_core.config.files import missing, read_job, write_toml
from train_core.config.job import Job
from train_core.config.places import runs_dir
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.config.whole_files import remove
from train_core.facts.preflight import findings_of
from train_core.facts.run.run_folders import SETTINGS, job_in, not_writable


def add(job: type[Job], settings: Job, not_before: float = 0.0) -> Entry:
    """Prepare a run of `job` and let it wait at the end of the queue, not to start before `not_before`.

    Settings that resume let the run that they resume wait. Raises `UserError` with all that would stop the job.
    """
    check(job.of(settings))
    return enqueue(prepare(job, settings), not_before)


def enqueue(folder: Path, not_before: float = 0.0) -> Entry:
    """Let the run prepared in `folder` wait at the end of the queue; one that waits already keeps its place."""
    entry = Entry(folder.name, not_before, before=latest_start(folder))
    change(lambda queue: queue.with_entry(entry))
    return entry


def check(config: Job, folder: Path | None = None) -> None:
    """Raise `UserError` with everything that the job would find wrong; `folder` is that of its run, if it has one."""
    source = str(folder / SETTINGS) if folder else ""
    raise_if_any([*missing(config, source), *findings_of(config, folder).problems])


def check_run(folder: Path) -> None:
    """Raise `UserError` with everything that is wrong with the settings of the run prepared in `folder`."""
    job = job_in(folder)
    if job is not None:  # without one the launcher says so
        check(job.of(read_job(job, folder / SETTINGS, {})[0]), folder)


def edit(run: str, job: type[Job], settings: Job) -> None:
    """Give the waiting `run` other settings. Raises `UserError` if these cannot be run, or once it has started."""
    folder = runs_dir() / run
    check(job.of(settings), folder)

    def alter(queue: Queue) -> Queue:
        entry = _waiting(queue, run)
        try:
            write_toml(folder / SETTINGS, settings, job)
        except OSError as error:
            raise not_writable(folder, error) from error
        return queue.with_entry(replace(entry, refused=()))

    change(alter)


def retry(run: str) -> None:
    """Let a run wait again that could not be started."""
    change(lambda queue: queue.with_entry(replace(_waiting(queue, run), refused=())))


def take_out(run: str) -> None:
    """Take `run` out of the queue. The folder of one that was never started goes too. Raises `UserError` if it runs."""

    def alter(queue: Queue) -> Queue:
        if not _waiting(queue, run).before and (runs_dir() / run).is_dir():
            remove_folder(runs_dir() / run)
        return queue.without(run)

    change(alter)


def move(run: str, place: Callable[[int, int], int]) -> None:
    """Move `run` to another place, counted from 0: `place` gives it from today's and that of the last one."""

    def alter(queue: Queue) -> Queue:
        entry = _known(queue, run)
        old, last = queue.entries.index(entry), len(queue.entries) - 1
        others = list(queue.without(run).entries)
        others.insert(min(max(place(old, last), 0), last), entry)
        return replace(queue, entries=tuple(others))

    change(alter)


def start_at(runs: Sequence[str], not_before: float) -> None:
    """Let `runs` not start before a time in Unix seconds; 0 lets them start as soon as it is their turn."""

    def alter(queue: Queue) -> Queue:
        for run in runs:
            queue = queue.with_entry(replace(_waiting(queue, run), not_before=not_before))
        return queue

    change(alter)


def pause(paused: bool = True) -> None:
    """Let nothing more start, or go on; what runs is left alone."""
    change(lambda queue: replace(queue, paused=paused))


def run_at_once(number: int) -> None:
    """Let `number` runs use the same device at the same time."""
    if not 1 <= number <= MOST_AT_ONCE:
        raise UserError(
            problem(
                "queue_at_once", "{number} runs at once are not possible. Choose 1 to {most}.",
                number=number, most=MOST_AT_ONCE,
            )
        )
    change(lambda queue: replace(queue, at_once=number))


def when_empty(what: WhenEmpty, command: Sequence[str] | None = None) -> None:
    """Choose what is done once the last run has ended; `command` is an argument list, None keeps the one there is."""

    def alter(queue: Queue) -> Queue:
        words = queue.command if command is None else tuple(command)
        if what == "command" and not words:
            raise UserError(
                problem(
                    "queue_no_command",
                    "There is no command to run yet. Set it in a terminal: ./gui.sh queue when-empty command "
                    "PROGRAM ARGUMENTS",
                )
            )
        kept_off = queue.power_off_at if what == "power_off" else 0.0
        return replace(queue, when_empty=what, command=words, power_off_at=kept_off, trouble=None)

    change(alter)


def stay_on() -> None:
    """Cancel the switching off of the machine that is being counted down, and do not do it again."""
    change(lambda queue: replace(queue, power_off_at=0.0, when_empty="nothing") if queue.power_off_at else queue)


def remove_folder(folder: Path) -> None:
    """Remove a run's folder: out of sight at once, then file by file. Raises `UserError` if something in it is open."""
    doomed = folder.with_name(f".{uuid.uuid4().hex}.deleted")
    try:
        folder.rename(doomed)
    except OSError as error:
        raise not_writable(folder, error) from error
    remove(doomed)


def _known(queue: Queue, run: str) -> Entry:
    entry = queue.find(run)
    if entry is None:
        raise UserError(problem("queue_unknown", "{name} is not in the queue any more.", name=run))
    return entry


def _waiting(queue: Queue, run: str) -> Entry:
    """The entry of `run`, which has not started. Raises `UserError` if it has, or is not in the queue."""
    entry = _known(queue, run)
    if standing_of(entry).standing in ("running", "ended"):
        raise UserError(
            problem(
                "queue_started", "{name} has started already, so it does not wait any more. Stop it if you need to.",
                name=run,
            )
        )
    return entry
