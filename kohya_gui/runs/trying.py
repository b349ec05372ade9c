"""Tries: started like runs, read when they have ended, and removed; what they found is remembered for the next plan."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from kohya_gui.runs.index import list_runs
from kohya_gui.runs.launch import RunHandle, start
from kohya_gui.runs.registry import ACTIVE, read_run
from train_core.config.jobs.train import TrainConfig
from train_core.config.jobs.try_out import TryConfig
from train_core.config.places import caches_dir
from train_core.config.whole_files import write_text
from train_core.events.kinds import ErrorEvent, Tried
from train_core.events.log import line_of
from train_core.events.reading import parse, read_events
from train_core.facts.run.run_folders import LETTERS, job_in

UNEXPLAINED = "unexpected"  # code of an error whose details stand in the console
MARK = "-try"  # at the end of a try's name, where it was not cut
WORK = re.compile(r"[0-9a-f]{16}")


def start_try(settings: TrainConfig) -> RunHandle:
    """Try a training with these settings now; its folder is for `settle` once it has ended.

    Raises `UserError` if something else is running or the job cannot be run.
    """
    clear_tries()
    return start(TryConfig, settings)


def settle(folder: Path) -> Tried | None:
    """What the try in `folder` has found, which is remembered; its folder is removed. None if it was stopped or failed.

    A folder stays whose console is needed to understand what happened: until the next try.
    """
    events = read_events(folder / "events.jsonl")
    found = next((event for event in reversed(events) if isinstance(event, Tried)), None)
    if found is not None:
        _remember(found)
    info = read_run(folder)
    unexplained = any(isinstance(event, ErrorEvent) and event.code == UNEXPLAINED for event in events)
    if info is not None and info.status not in (*ACTIVE, "lost") and not unexplained:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def clear_tries() -> None:
    """Remove the folders of tries that have ended and that nobody settled, since the page was closed or killed."""
    for run in list_runs():
        marked = run.name.endswith(MARK) or len(run.name) >= LETTERS
        if marked and run.status not in ACTIVE and job_in(run.folder) is TryConfig:
            shutil.rmtree(run.folder, ignore_errors=True)


def remembered(work: str) -> Tried | None:
    """What the newest try found of a training whose `costs.work_digest` is `work`."""
    try:
        found = parse(_file(work).read_bytes())
    except OSError:
        return None
    return found if isinstance(found, Tried) else None


def _remember(found: Tried) -> None:
    if not WORK.fullmatch(found.work):
        return  # nothing that our jobs write
    try:
        write_text(_file(found.work), json.dumps(line_of(found), ensure_ascii=False))
    except OSError:
        return  # a full or read-only drive costs the next plan a figure, nothing else


def _file(work: str) -> Path:
    return caches_dir() / "tries" / f"{work}.json"
