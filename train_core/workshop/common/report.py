"""Reports of a tool while it works: its progress, and tables of what it found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from train_core.config.phrases import to_plain
from train_core.config.problems import Problem
from train_core.events.kinds import NoticeEvent, Saved, Stage, Table, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.events.requests import take_requests

SECONDS_BETWEEN = 0.2
Progress = Callable[[int, int], None]


class Report:
    """Sends events, and knows whether the tool should end."""

    def __init__(self, emit: Emit, run_dir: Path | None) -> None:
        self.emit = emit
        self.run_dir = run_dir
        self._last = 0.0

    def stage(self, name: str) -> Progress:
        """Begin a stage of work; call the result with how much of it is done.

        The call raises KeyboardInterrupt if the page asked the tool to end.
        """
        self.emit(Stage(name=name))

        def progress(done: int, total: int) -> None:
            self.heed()
            if done == total or time.monotonic() - self._last >= SECONDS_BETWEEN:
                self._last = time.monotonic()
                self.emit(Stage(name=name, done=done, total=total))

        return progress

    def heed(self) -> None:
        """Raise KeyboardInterrupt if the page asked the tool to end."""
        if self.run_dir is not None and {"stop", "pause"} & take_requests(self.run_dir).keys():
            raise KeyboardInterrupt

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table by the name of what it shows; `columns` are names too, numbers stay numbers.

        Phrases among the cells are said in the reader's language.
        """
        self.emit(Table(name=name, columns=list(columns), rows=[to_plain(list(row)) for row in rows]))

    def notice(self, found: Problem) -> None:
        """Report something good to know."""
        emit_problems(self.emit, NoticeEvent, [found])

    def warning(self, found: Problem) -> None:
        """Report something that may not be intended."""
        emit_problems(self.emit, WarningEvent, [found])

    def saved(self, path: Path) -> None:
        """A result was written."""
        self.emit(Saved(path=str(path), step=0, epoch=0, final=True))
