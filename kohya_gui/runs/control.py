"""Requests to a running job, and ending one that no longer responds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kohya_gui.runs.process import kill_trees, recall, remember
from kohya_gui.runs.registry import AT_WORK, RunInfo, find_run, living_processes, read_run
from train_core.config.problems import UserError, problem
from train_core.events.reading import read_events
from train_core.events.requests import request
from train_core.facts.run.rate_changes import RateChange, parse_rate_change


def find_known(run_id: str | None) -> Path:
    """The folder of the run `run_id`. Raises `UserError` if it is not there, or not there any more."""
    folder = find_run(run_id or "")
    if folder is None:
        raise UserError(problem("run_is_gone", "This run does not exist any more. Choose another one from the list."))
    return folder


def find_active(run_id: str | None) -> RunInfo:
    """The run `run_id`, which can be asked for something. Raises `UserError` once it has ended."""
    run = read_run(find_known(run_id))
    if run is not None and run.status == "queued":
        raise UserError(
            problem(
                "run_waits",
                "The run {name} has not started yet, so there is nothing to stop or change. You can take it out of the "
                "queue or edit it there.",
                name=run.name,
            )
        )
    if run is None or run.status not in AT_WORK:
        raise UserError(
            problem(
                "run_has_ended",
                "The run {name} has already ended, so it can no longer be stopped or changed. Resume it, or start a "
                "new one.",
                name=run.name if run else str(run_id),
            )
        )
    return run


def stop(folder: Path) -> None:
    """Ask the job to save what it has learnt and end."""
    request(folder, "stop")


def pause(folder: Path) -> None:
    """Ask the job to keep its state and end, so that it can be resumed."""
    request(folder, "pause")


def change_rate(folder: Path, text: str) -> RateChange:
    """Ask the job for another learning rate from its next step on. Raises `UserError` when `text` names none."""
    change = parse_rate_change(text)
    request(folder, "learning_rate", str(change))
    return change


def next_stage(folder: Path) -> None:
    """Ask the job for the next stage of its learning rate from its next step on."""
    request(folder, "next_stage")


def save(folder: Path) -> None:
    """Ask the job to save a file now and go on."""
    request(folder, "save")


def sample(folder: Path) -> None:
    """Ask the job to draw its sample pictures now and go on."""
    request(folder, "sample")


def kill(folder: Path) -> bool:
    """End the job's whole process tree at once; what was not saved is lost. Returns whether anything was running."""
    processes = living_processes(folder, read_events(folder / "events.jsonl"))
    identity = recall(folder)
    if identity is not None and processes:
        remember(folder, replace(identity, killed=True))
    kill_trees(processes)
    return bool(processes)
