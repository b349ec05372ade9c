"""Runs of tools: the latest one, and whether it is still running."""

from __future__ import annotations

from pathlib import Path

from kohya_gui.runs.follow import follower
from kohya_gui.runs.registry import AT_WORK
from train_core.facts.run.run_folders import uses_of_tools


def newest() -> Path | None:
    """The folder of the latest tool's run; None before the first."""
    return next(iter(uses_of_tools()), None)


def active_tool() -> Path | None:
    """The folder of the tool that is running, if any."""
    folder = newest()
    return folder if folder is not None and follower(folder).view().status in AT_WORK else None
