"""The folder of a run: made, found and read, for the launcher and for a job that was started by itself."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from train_core.config.existing import is_file
from train_core.config.file_names import FORBIDDEN
from train_core.config.files import write_toml
from train_core.config.job import Job, Tool
from train_core.config.jobs.table import job_of
from train_core.config.locks import FileLock, is_locked, take_lock
from train_core.config.places import real_path, runs_dir, tools_dir
from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.config.tables import read_tables
from train_core.events.requests import take_requests
from train_core.facts.run.states import State

SETTINGS = "config.toml"
LOCK = "run.lock"
LOOKS, SECONDS_BETWEEN_LOOKS = 10, 0.1
LETTERS, BYTES = 80, 200  # of a run's name that its folder's name contains, at most
TOOLS_KEPT = 50  # folders of earlier uses


def make_run_folder(job: type[Job], settings: Job, state: State | None = None) -> Path:
    """A new folder for a run of `job`, with the `settings` for it: the run is queued until it is started.

    A run that goes on from `state` has the folder that the state's run had, if that is still there, without requests
    that were meant for the earlier run. Raises UserError where it cannot be written.
    """
    parent = tools_dir() if issubclass(job, Tool) else runs_dir()
    try:
        if state is not None and is_run_folder(state.run_dir):
            folder = state.run_dir
            take_requests(folder)
        else:
            folder = new_folder(parent, job.of(settings).run_name())
        write_toml(folder / SETTINGS, settings, job)
    except OSError as error:
        raise not_writable(parent, error) from error
    if issubclass(job, Tool):
        _clear_old_uses()
    return folder


def is_run_folder(folder: Path) -> bool:
    """Whether `folder` contains a run's settings."""
    return is_file(folder / SETTINGS)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the lock of the run's `folder`, so that no other process writes to it.

    Raises UserError if another process holds it, also on another machine that shares the drive, or if nothing can be
    written there.
    """
    try:
        lock = _taken(folder)
    except OSError as error:
        raise not_writable(folder, error) from error
    if lock is None:
        raise UserError(in_use(folder))
    try:
        yield
    finally:
        lock.release()


def _taken(folder: Path) -> FileLock | None:
    """The lock of a run's folder. `is_held` takes it for a moment, so a held one is tried again."""
    for _ in range(LOOKS):
        lock = take_lock(folder / LOCK)
        if lock is not None:
            return lock
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return None


def is_held(folder: Path) -> bool:
    """Whether another process is writing to the run's `folder`."""
    return is_locked(folder / LOCK)


def in_use(folder: Path) -> Problem:
    """The problem if another process is writing to a run's folder."""
    return problem(
        "run_folder_in_use",
        "Another process is writing to the run folder {folder}: the run is still going on. Stop it or wait until it "
        "ends, then start again.",
        folder=str(folder),
    )


def not_writable(folder: Path, error: OSError) -> UserError:
    """The error if a run's folder cannot be written to."""
    return UserError(
        problem(
            "run_folder_not_written",
            "Nothing can be written to {folder} ({reason}), where this run keeps its settings and events. Free some "
            "space there, or set CRUCIBLE_HOME to another folder.",
            folder=str(folder), reason=cause_of(error),
        )
    )


def new_folder(parent: Path, name: str) -> Path:
    """Make `parent`/<time>-<name>, numbered where two runs of one name start in the same second."""
    parent.mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{folder_name(name)}"
    number = 1
    while True:
        folder = parent / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        (folder / "control").mkdir()
        (folder / "logs").mkdir()
        return folder


def folder_name(name: str) -> str:
    """`name` as part of a folder's name that every system accepts."""
    plain = FORBIDDEN.sub("_", name).strip(". ")
    return plain[:LETTERS].encode(errors="replace")[:BYTES].decode(errors="ignore").rstrip(". ") or "run"


def run_folder_of(config_file: Path | None) -> Path | None:
    """The run folder whose settings `config_file` is; None for a file elsewhere, or no file."""
    if config_file is None:
        return None
    path = real_path(config_file)
    inside = path.name == SETTINGS and path.parent.parent in (real_path(runs_dir()), real_path(tools_dir()))
    return path.parent if inside else None


def job_in(folder: Path) -> type[Job] | None:
    """The job whose run `folder` is; None if its settings cannot be read or name an unknown job."""
    try:
        return job_of(str(read_tables(folder / SETTINGS).get("job")))
    except (UserError, OSError, KeyError, ImportError, AttributeError):
        return None


def uses_of_tools() -> list[Path]:
    """The folders of tools' runs, newest first."""
    found = tools_dir().iterdir() if tools_dir().is_dir() else ()
    return sorted((folder for folder in found if (folder / SETTINGS).is_file()), reverse=True)


def _clear_old_uses() -> None:
    for old in uses_of_tools()[TOOLS_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
