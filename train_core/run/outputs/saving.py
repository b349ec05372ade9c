"""Writing results: when, under which name, and never over anything but this run's own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from train_core.config.files import write_preset, write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem
from train_core.config.sections.output import OutputSettings
from train_core.events.kinds import Saved, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.run.kept_files import epochs_between_files
from train_core.facts.run.result_names import after_epoch, after_step, ending_of
from train_core.facts.run.steps import StepCount
from train_core.facts.run.written import Kind
from train_core.methods.method import Method
from train_core.models.files.finite import NotFiniteError
from train_core.models.files.writing import NotWrittenError, telling
from train_core.run.outputs.manifest import Manifest
from train_core.run.outputs.places import Places

SAVE_DTYPES = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass
class Saver:
    """Saves what is trained, on the main process. No other run uses `name` in the output folder.

    `metadata(step, epoch)` gives the file's metadata. `last` is the file written last.
    """

    config: TrainConfig
    method: Method
    places: Places
    name: str
    metadata: Callable[[int, int], dict[str, str]]
    length: StepCount
    manifest: Manifest
    emit: Emit
    is_main: bool = True
    inference: Callable[[], AbstractContextManager[None]] = nullcontext
    last: Path | None = None

    @property
    def output(self) -> OutputSettings:
        return self.config.output

    def is_due_after_step(self, step: int) -> bool:
        every = self.output.save_every_n_steps
        return every > 0 and step % every == 0

    def is_due_after_epoch(self, epoch: int) -> bool:
        every = epochs_between_files(self.output, self.length)
        return every > 0 and epoch % every == 0

    def save_step(self, step: int, epoch: int, asked: bool = False, last: bool = False) -> None:
        """Save what is learnt after `step` as a step file; a requested one stays whatever the settings.

        `last` means that the run ends with it.
        """
        self._try(after_step(self.name, step), "asked" if asked else "step", step, epoch, last)
        self.manifest.keep_newest("step", self.output.save_last_n_steps, step)

    def save_epoch(self, step: int, epoch: int) -> None:
        """Save what is learnt after `epoch` as an epoch file."""
        self._try(after_epoch(self.name, epoch), "epoch", step, epoch)
        self.manifest.keep_newest("epoch", self.output.save_last_n_epochs, step)

    def save_final(self, step: int, epoch: int) -> None:
        """Save the result of a complete run. Raises `UserError` if it cannot be written anywhere."""
        self._save(self.final_name(step, epoch), "final", step, epoch, last=True)

    def final_name(self, step: int, epoch: int) -> str:
        """The plain name, or one numbered like the others: by the step where only steps are saved or cut the run."""
        if not self.output.number_last:
            return self.name
        in_steps = self.output.save_every_n_steps and not epochs_between_files(self.output, self.length)
        cut_short = step % self.length.steps_per_epoch != 0
        return after_step(self.name, step) if in_steps or cut_short else after_epoch(self.name, epoch)

    def _try(self, name: str, kind: Kind, step: int, epoch: int, last: bool = False) -> None:
        """Save a file during the run. If it cannot be written, that is reported and the run goes on."""
        try:
            self._save(name, kind, step, epoch, last)
        except NotWrittenError as error:
            emit_problems(self.emit, WarningEvent, error.problems)

    def _save(self, name: str, kind: Kind, step: int, epoch: int, last: bool = False) -> None:
        """Save a file on the main process; where weights are shared out, the others lend it their shares meanwhile."""
        lent = self.method.shares.lent() if self.method.shares else nullcontext()
        with self.inference(), lent:
            if self.is_main:
                self._save_here(name, kind, step, epoch, last)

    def _save_here(self, name: str, kind: Kind, step: int, epoch: int, last: bool) -> None:
        file_name = name + ending_of(self.config)
        if self.last is not None and self.last.name == file_name and kind != "final":
            return  # a stop right after a save asks for the same file again
        metadata = self.metadata(step, epoch)

        def write(wanted: Path) -> Path:
            with telling(wanted):
                path = self.manifest.claim(wanted, kind, step, epoch, self.method.files)
            self._write(path, metadata)
            return path

        is_first = self.last is None
        self.last = self.places.write(file_name, write, self.emit, last)
        self.emit(Saved(path=str(self.last), step=step, epoch=epoch, final=kind == "final"))
        if is_first and self.last.parent == self.places.output:
            self._save_settings(self.last.parent)

    def _write(self, path: Path, metadata: dict[str, str]) -> None:
        """Write the file, in fp32 where its values are too large for fp16. Raises `NotFiniteError` if it is broken."""
        dtype = SAVE_DTYPES[self.output.save_precision]
        try:
            self.method.save(path, dtype, metadata)
        except NotFiniteError:
            if dtype != torch.float16:
                raise
            self.method.save(path, torch.float32, metadata)
            emit_problems(self.emit, WarningEvent, [_too_large(path)])
        emit_problems(self.emit, WarningEvent, self.method.remarks)

    def _save_settings(self, folder: Path) -> None:
        """A copy of the settings beside the results, as TOML and as a preset, so that the run can be repeated."""
        fresh = self.config.model_copy(update={"resume": self.config.resume.model_copy(update={"resume": ""})})
        path = folder / f"{self.name}.toml"
        try:
            with telling(path):
                write_toml(self.manifest.claim(path, "settings", 0, 0), fresh)
                preset = self.manifest.claim(folder / f"{self.name}.preset.json", "settings", 0, 0)
                write_preset(preset, fresh.applicable(), fresh.settings())
        except NotWrittenError as error:
            emit_problems(self.emit, WarningEvent, error.problems)


def _too_large(path: Path) -> Problem:
    return problem(
        "saved_in_float",
        "{file} is saved in fp32, because its values are too large for fp16. Set save_precision to bf16 or float; such "
        "values also suggest that the learning rate is too high.",
        file=str(path),
    )
