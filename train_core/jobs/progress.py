"""Progress of a job's stages, reported at most twice a second."""

from __future__ import annotations

import time

from train_core.events.kinds import Stage
from train_core.events.log import Emit

SECONDS_BETWEEN_REPORTS = 0.5


class Counter:
    """A progress callback that reports a stage at most twice a second, and its end."""

    def __init__(self, stage: str, emit: Emit) -> None:
        self.stage = stage
        self.emit = emit
        self.reported = 0.0

    def __call__(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self.reported >= SECONDS_BETWEEN_REPORTS:
            self.reported = time.monotonic()
            self.emit(Stage(name=self.stage, done=done, total=total))
