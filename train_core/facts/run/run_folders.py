"""The folder of a run: made, found and read, for the launcher and for a job that was started by itself."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

from train_core.config.files import read_tables, write_toml
from train_core.config.job import Job, Tool
from train_core.config.jobs.table import job_of
from train_core.config.places import runs_dir, tools_dir
from train_core.config.problems import UserError
from train_core.events.requests import take_requests
from train_core.facts.run.states import State

SETTINGS = "config.toml"
TOOLS_KEPT = 50  # folders of earlier uses


def make_run_folder(job: type[Job], settings: Job, state: State | None = None) -> Path:
    """A new folder for a run of `job`, with the `settings` for it: the run is queued until it is started.

    A run that goes on from `state` has the folder that the state's run had, if that is still there, without requests
    that were meant for the earlier run.
    """
    if state is not None and (state.run_dir / SETTINGS).is_file():
        folder = state.run_dir
        take_requests(folder)
    else:
        folder = new_folder(tools_dir() if issubclass(job, Tool) else runs_dir(), job.of(settings).run_name())
    write_toml(folder / SETTINGS, settings, job)
    if issubclass(job, Tool):
        _clear_old_uses()
    return folder


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
    return re.sub(r"[\x00-\x1f\\/:*?\"<>|]", "_", name).strip(". ")[:80] or "run"


def run_folder_of(config_file: Path | None) -> Path | None:
    """The run folder whose settings `config_file` is; None for a file elsewhere, or no file."""
    if config_file is None:
        return None
    path = config_file.resolve()
    inside = path.name == SETTINGS and path.parent.parent in (runs_dir().resolve(), tools_dir().resolve())
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
