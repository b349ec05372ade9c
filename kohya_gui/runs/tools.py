"""Runs of tools: the latest one, and whether it is still running. And which tools take an adapter that was trained."""

from __future__ import annotations

from pathlib import Path

from kohya_gui.runs.follow import follower
from kohya_gui.runs.registry import AT_WORK
from train_core.config.jobs import table
from train_core.facts.run.run_folders import uses_of_tools

ADAPTERS = ("adapter", "adapters")  # paths of settings that take adapters


def newest() -> Path | None:
    """The folder of the latest tool's run; None before the first."""
    return next(iter(uses_of_tools()), None)


def active_tool() -> Path | None:
    """The folder of the tool that is running, if any."""
    folder = newest()
    return folder if folder is not None and follower(folder).view().status in AT_WORK else None


def tools_for_adapters() -> dict[str, str]:
    """The setting that takes an adapter, by the name of each tool that has one: for such files, or for any file."""
    found = {}
    for row in table.tools():
        paths = [one for one in table.job_of(row.name).settings() if one.traits.path]
        takes = [one.name for one in paths if one.traits.path in ADAPTERS or len(paths) == 1]
        if takes:
            found[row.name] = takes[0]
    return found
