"""Whether the program was updated while it runs: its pages would then ask for what it does not know yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from train_core.config.problems import UserError, problem

PROGRAM = Path(__file__).parents[2]  # kohya_gui

State = dict[Path, tuple[int, int]]  # size and time of change


class Program:
    """The program's own files as they were when it was started."""

    def __init__(self, folder: Path = PROGRAM) -> None:
        self._folder = folder
        self._started = self._state()

    def must_be_as_started(self) -> None:
        """Raise UserError if the files are others now."""
        if self._state() != self._started:
            raise UserError(
                problem(
                    "studio_updated",
                    "Crucible was updated while it was running, and the new page does not fit the old program. Close "
                    "Crucible, start it again, and reload this page. Training runs go on meanwhile.",
                )
            )

    def _state(self) -> State:
        return {path: (state.st_size, state.st_mtime_ns) for path in self._files() for state in [path.stat()]}

    def _files(self) -> Iterator[Path]:
        yield from self._folder.rglob("*.py")
        yield from (self._folder / "locales").glob("*.json")
