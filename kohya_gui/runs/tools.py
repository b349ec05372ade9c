"""Tools as processes of their own: started from the page, one at a time."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from pathlib import Path

from kohya_gui.runs.command import child_environment
from kohya_gui.runs.devices import World, usable_cores
from kohya_gui.runs.follow import follower
from kohya_gui.runs.process import identify, remember, spawn
from kohya_gui.runs.registry import ACTIVE
from train_core.config.files import write_toml
from train_core.config.job import Job
from train_core.config.places import tools_dir
from train_core.config.problems import UserError, problem

KEPT = 50  # folders of earlier uses


def start(config: Job) -> Path:
    """Start a tool with these settings; its folder. Raises `UserError` while another one works."""
    busy = newest()
    if busy is not None and follower(busy).view().status in ACTIVE:
        raise UserError(
            problem("tool_active", "A tool is still at work. Wait for its end, or press Cancel first.")
        )
    folder = _new_folder(type(config).job_name)
    write_toml(folder / "config.toml", config)
    words = [type(config).job_name, "--config_file", str(folder / "config.toml")]
    environment = child_environment(World("cpu", 1, usable_cores(), 0, "no", ""))
    with (folder / "console.log").open("ab") as console:
        process = spawn([sys.executable, "-m", "train_core", *words], folder, environment, console)
    remember(folder, identify(process.pid))
    return folder


def newest() -> Path | None:
    """The folder of the last use of a tool; None before the first."""
    return next(iter(_folders()), None)


def _folders() -> list[Path]:
    found = tools_dir().iterdir() if tools_dir().is_dir() else ()
    return sorted((folder for folder in found if (folder / "config.toml").is_file()), reverse=True)


def _new_folder(tool: str) -> Path:
    """A new folder; those of long ago are cleared away."""
    for old in _folders()[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    stem, number = f"{datetime.now():%Y%m%d-%H%M%S}-{tool}", 1
    while True:
        folder = tools_dir() / (stem if number == 1 else f"{stem}-{number}")
        try:
            (folder / "control").mkdir(parents=True)
        except FileExistsError:
            number += 1
            continue
        return folder
