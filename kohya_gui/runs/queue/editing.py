"""The settings of a waiting run as the text of its file, which people may change."""

from __future__ import annotations

from pathlib import Path

from kohya_gui.runs.queue import queueing
from train_core.config.files import check_tool, check_values, flatten
from train_core.config.job import Job
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import phrase
from train_core.config.places import runs_dir
from train_core.config.problems import Problem, UserError, problem
from train_core.config.untrusted import NotReadable, text_of, toml_of
from train_core.facts.run.run_folders import SETTINGS, job_in

THE_TEXT = phrase("edited_text", "the text")
ABOUT_THE_FILE = ("config_version", "job")


def settings_text(folder: Path) -> str:
    """The file with the settings of the run in `folder`. Raises `UserError` if it cannot be read."""
    try:
        return text_of(folder / SETTINGS)
    except (OSError, UnicodeDecodeError, NotReadable) as error:
        raise UserError(_unreadable(str(error))) from error


def edit_text(run: str, typed: str) -> None:
    """Give the waiting `run` the settings that were typed. Raises `UserError` with everything that is wrong."""
    job = job_in(runs_dir() / run) or TrainConfig
    queueing.edit(run, job, _settings(job, typed))


def _settings(job: type[Job], typed: str) -> Job:
    try:
        tables = toml_of(typed)
    except NotReadable as error:
        raise UserError(_unreadable(error.reason)) from error
    values = {name: value for name, value in flatten(tables, THE_TEXT).items() if name not in ABOUT_THE_FILE}
    if issubclass(job, TrainConfig):
        return check_values(values, THE_TEXT, {}).config
    return check_tool(job, values, THE_TEXT)


def _unreadable(reason: str) -> Problem:
    return problem(
        "edited_text_unreadable",
        "The settings cannot be read: {reason}. Each line is a name, an equals sign and a value; text stands in "
        "quotes.",
        reason=reason,
    )
