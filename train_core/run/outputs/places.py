"""Folders that results are written to: the output folder, or the run folder if that one cannot be written to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from train_core.config.phrases import phrase
from train_core.config.problems import Problem, problem
from train_core.events.kinds import WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.models.files.writing import NotWrittenError, not_written


@dataclass(frozen=True)
class Places:
    """The `output` folder, which exists since the run began, and the run folder."""

    output: Path
    run_dir: Path

    def write(self, name: str, writer: Callable[[Path], Path], emit: Emit, last: bool) -> Path:
        """Call `writer` with the path for `name` in the output folder, and return the path that it returns.

        With `last`, which means that nothing written later will contain the same, the run folder is used if the
        output folder is full, read-only or gone, and that is reported. Raises NotWrittenError if neither can be
        written to.
        """
        try:
            self.require_output(name)
            return writer(self.output / name)
        except NotWrittenError as error:
            if not last:
                raise
            try:
                path = writer(self.run_dir / name)
            except NotWrittenError:
                raise error from None  # the folder that the user chose
            emit_problems(emit, WarningEvent, [*error.problems, _elsewhere(self.output / name, path)])
            return path

    def require_output(self, name: str) -> None:
        """Raise NotWrittenError if the output folder no longer exists, for example because a network share is gone."""
        if not self.output.is_dir():
            path = self.output / name
            raise not_written(path, phrase("folder_gone", "its folder is no longer there"))


def _elsewhere(wanted: Path, path: Path) -> Problem:
    return problem(
        "saved_elsewhere",
        "{wanted} could not be written, so it was saved as {path} instead. Move it to where you want it.",
        wanted=str(wanted), path=str(path),
    )
