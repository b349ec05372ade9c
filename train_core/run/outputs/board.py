"""TensorBoard's files. If they cannot be written, the run goes on without them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from torch.utils.tensorboard.writer import SummaryWriter

from train_core.config.problems import Problem, cause_of, problem
from train_core.events.kinds import WarningEvent
from train_core.events.log import Emit, emit_problems


class Board:
    """Writes curves and texts to `folder`.

    If the drive is full, they are left out, which is reported once; `flush` tries again. A run that was resumed after
    `first_step` steps hides later points from readers that have the old curves open.
    """

    def __init__(self, folder: Path, emit: Emit, first_step: int = 0) -> None:
        self.folder = folder
        self.emit = emit
        self._first_step = first_step
        self._told = False
        self._writer: SummaryWriter | None = None
        threading.excepthook = _quiet_for_writers
        self._try(self._open)

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Add a point to a curve."""
        self._write(lambda writer: writer.add_scalar(name, value, step))

    def add_text(self, name: str, text: str, step: int) -> None:
        """Add a text at a step."""
        self._write(lambda writer: writer.add_text(name, text, step))

    def flush(self) -> None:
        """Write what is waiting."""
        if self._writer is None:
            self._try(self._open)
        self._write(lambda writer: writer.flush())

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self._write(lambda writer: writer.close())

    def _open(self) -> None:
        self._writer = SummaryWriter(str(self.folder), purge_step=self._first_step + 1 if self._first_step else None)
        self._first_step = 0  # a second file must not hide points of the first

    def _write(self, do: Callable[[SummaryWriter], object]) -> None:
        writer = self._writer
        if writer is not None:
            self._try(lambda: do(writer))

    def _try(self, do: Callable[[], object]) -> None:
        try:
            do()
        except OSError as error:
            self._writer = None  # its thread has ended, and each call would raise the error again
            if not self._told:
                emit_problems(self.emit, WarningEvent, [_not_written(self.folder, error)])
            self._told = True


def _quiet_for_writers(failed: threading.ExceptHookArgs) -> None:
    """Print no traceback for TensorBoard's thread, whose error is raised again, and reported, at the next call."""
    if not (isinstance(failed.exc_value, OSError) and type(failed.thread).__name__ == "_AsyncWriterThread"):
        threading.__excepthook__(failed)


def _not_written(folder: Path, error: OSError) -> Problem:
    return problem(
        "curves_not_written",
        "TensorBoard's curves cannot be written to {folder} ({reason}). The training goes on without them. Free some "
        "space there.",
        folder=str(folder), reason=cause_of(error),
    )
