"""Tries that pages have started: watched until they end, and what each found last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kohya_gui.runs.follow import follower
from kohya_gui.runs.launch import RunHandle
from kohya_gui.runs.registry import ACTIVE, read_run
from kohya_gui.runs.trying import settle, start_try
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem
from train_core.events.kinds import Tried


@dataclass(frozen=True)
class Tries:
    """By user: the folder of the try that runs, and the outcome of the last one."""

    running: dict[str, Path] = field(default_factory=dict)
    found: dict[str, Tried] = field(default_factory=dict)

    def start(self, user: str, settings: TrainConfig) -> RunHandle:
        """Try a training. Raises `UserError` if it cannot be run, or if something else is running."""
        handle = start_try(settings)
        self.running[user] = handle.folder
        return handle

    def is_over(self, user: str) -> bool:
        """Whether the user's try has ended and nobody has asked yet what it found."""
        folder = self.running.get(user)
        info = read_run(folder) if folder else None
        return folder is not None and (info is None or info.status not in ACTIVE)

    def ended(self, user: str) -> Sequence[Problem] | None:
        """The problems that ended the user's try, none if it went well; None while there is none or it runs."""
        folder = self.running.pop(user, None) if self.is_over(user) else None
        if folder is None:
            return None
        info = read_run(folder)
        errors = tuple(follower(folder).view().errors) if info else ()
        found = settle(folder) if info else None
        if found is not None:
            self.found[user] = found
        return errors
