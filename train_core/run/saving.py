"""Writing results: when, under which name, and never over anything that is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from train_core.config.files import write_preset, write_toml
from train_core.config.train import TrainConfig
from train_core.events import Emit
from train_core.facts.outputs import epoch_file, final_file, step_file
from train_core.methods.adapter import AdapterMethod
from train_core.networks.file import save_adapter

SAVE_DTYPES = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass
class Saver:
    """Saves the adapter on the main process. `name` is free in the output folder, see `facts.outputs.free_name`.

    `metadata(step, epoch)` gives the file's metadata. `last` is the file written last.
    """

    config: TrainConfig
    method: AdapterMethod
    name: str
    metadata: Callable[[int, int], dict[str, str]]
    emit: Emit
    is_main: bool = True
    last: Path | None = None

    def is_due_after_step(self, step: int) -> bool:
        every = self.config.output.save_every_n_steps
        return every > 0 and step % every == 0

    def is_due_after_epoch(self, epoch: int) -> bool:
        every = self.config.output.save_every_n_epochs
        return every > 0 and epoch % every == 0

    def save_step(self, step: int, epoch: int) -> None:
        """Save what is learnt after `step` as a step file."""
        self._save(step_file(self.name, step), step, epoch)

    def save_epoch(self, step: int, epoch: int) -> None:
        """Save what is learnt after `epoch` as an epoch file."""
        self._save(epoch_file(self.name, epoch), step, epoch)

    def save_final(self, step: int, epoch: int) -> None:
        """Save the result of a complete run under its plain name."""
        self._save(final_file(self.name), step, epoch, final=True)

    def _save(self, file_name: str, step: int, epoch: int, final: bool = False) -> None:
        if not self.is_main:
            return
        path = Path(self.config.output.output_dir) / file_name
        if path == self.last:
            return  # a stop right after a save asks for the same file again
        if self.last is None:
            self._save_settings(path.parent)
        with self.method.inference():
            tensors = self.method.state_dict(SAVE_DTYPES[self.config.output.save_precision])
        save_adapter(path, tensors, self.metadata(step, epoch))
        self.last = path
        self.emit("saved", path=str(path), step=step, epoch=epoch, final=final)

    def _save_settings(self, folder: Path) -> None:
        """A copy of the settings beside the results, as TOML and as a preset, so that the run can be repeated."""
        write_toml(folder / f"{self.name}.toml", self.config)
        write_preset(folder / f"{self.name}.json", self.config.applicable(), self.config.settings())
