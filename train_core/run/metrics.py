"""Losses and learning rates on their way to TensorBoard and to the event stream, without a wait in every step."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from train_core.events.kinds import Progress
from train_core.events.log import Emit
from train_core.run.outputs.board import Board

SECONDS_BETWEEN_REPORTS = 0.5
STEPS_HELD_AT_MOST = 100
TENSORBOARD_NAMES = {"text_encoder": "textencoder", "text_encoder_2": "textencoder_2"}


class Waiting(NamedTuple):
    """A step whose numbers are still on their device."""

    step: int
    epoch: int
    loss: Tensor
    rates: dict[str, float]
    norms: Tensor | None
    grad_norm: Tensor | None


@dataclass
class Metrics:
    """Holds each step's loss as a tensor and reads the waiting ones together, about twice a second.

    `loss/average` is over the steps of one epoch, as sd-scripts has it; `loss/epoch` is an epoch's own mean. A run
    that was resumed after `first_step` steps goes on with its curves there.
    """

    emit: Emit
    log_dir: Path
    total_steps: int
    epochs: int
    steps_per_epoch: int
    first_step: int = 0
    _waiting: list[Waiting] = field(default_factory=list)
    _epoch_losses: list[float] = field(default_factory=list)
    _paused: float = 0.0

    def __post_init__(self) -> None:
        self.board = Board(self.log_dir, self.emit, self.first_step)
        self._window: deque[float] = deque(maxlen=max(1, self.steps_per_epoch))
        self._started = self._reported = time.monotonic()
        self._done = 0

    def describe(self, settings: str) -> None:
        """Show the run's settings, as TOML, next to its curves."""
        self.board.add_text("settings", "".join(f"    {line}\n" for line in settings.splitlines()), self.first_step)

    def step(
        self, step: int, epoch: int, loss: Tensor, rates: dict[str, float], norms: Tensor | None = None,
        grad_norm: Tensor | None = None,
    ) -> None:  # fmt: skip
        """Note optimizer step `step` (from 1) with its loss (a scalar tensor, left on its device).

        `norms` (layers,) are the lengths of the layers' changes, where there is a limit to them, and `grad_norm` is
        that of the gradients, a scalar left on its device.
        """
        self._waiting.append(Waiting(step, epoch, loss, rates, norms, grad_norm))
        is_time = time.monotonic() - self._reported >= SECONDS_BETWEEN_REPORTS
        if is_time or step == self.first_step + 1 or len(self._waiting) >= STEPS_HELD_AT_MOST:
            self.flush()

    def flush(self) -> None:
        """Read the waiting losses, write them to TensorBoard and report the newest."""
        if not self._waiting:
            return
        losses = torch.stack([waiting.loss for waiting in self._waiting]).tolist()
        for waiting, loss in zip(self._waiting, losses, strict=True):
            if math.isfinite(loss):  # else the step was left out, and would spoil every mean
                self._window.append(loss)
                self._epoch_losses.append(loss)
                self._write(waiting.step, loss, waiting.rates)
                if waiting.norms is not None:
                    self._write_norms(waiting.step, waiting.norms)
        self._done += len(losses)
        newest = self._waiting[-1]
        self._waiting.clear()
        self._report(newest, losses[-1])

    def _write(self, step: int, loss: float, rates: dict[str, float]) -> None:
        self.board.add_scalar("loss/current", loss, step)
        self.board.add_scalar("loss/average", self.average, step)
        for name, rate in rates.items():
            self.board.add_scalar(f"lr/{TENSORBOARD_NAMES.get(name, name)}", rate, step)

    def _write_norms(self, step: int, norms: Tensor) -> None:
        """The mean and the largest length of the layers' changes, before the longest were shortened."""
        mean, largest = torch.stack([norms.mean(), norms.max()]).tolist()
        self.board.add_scalar("max_norm/average_key_norm", mean, step)
        self.board.add_scalar("max_norm/max_key_norm", largest, step)

    def _report(self, newest: Waiting, loss: float) -> None:
        step = newest.step
        grad_norm = float(newest.grad_norm) if newest.grad_norm is not None else math.nan
        self._reported = time.monotonic()
        seconds = self._reported - self._started - self._paused
        speed = self._done / seconds if seconds > 0 else 0.0
        self.emit(
            Progress(
                step=step, total_steps=self.total_steps, epoch=newest.epoch, epochs=self.epochs,
                loss=loss if math.isfinite(loss) else None, average=self.average, lr=newest.rates, speed=speed,
                eta=(self.total_steps - step) / speed if speed else None,
                grad_norm=grad_norm if math.isfinite(grad_norm) else None, memory=_most_held(newest.loss.device),
            )
        )

    def speed(self) -> tuple[int, float]:
        """The number of steps done since the start, as far as they were read, and the seconds that they took."""
        return self._done, self._reported - self._started - self._paused

    @property
    def average(self) -> float:
        """The mean loss of the last epoch's worth of steps."""
        return sum(self._window) / max(1, len(self._window))

    def validated(self, step: int, loss: float) -> None:
        """Write the validation loss after `step`."""
        self.board.add_scalar("loss/validation", loss, step)

    def end_epoch(self, epoch: int, whole: bool = True) -> float:
        """Write `loss/epoch` for `epoch`, counted from 1. One that is not `whole` may go on in a longer run.

        Returns that loss, NaN where there is none.
        """
        self.flush()
        mean = math.nan
        if self._epoch_losses:
            mean = sum(self._epoch_losses) / len(self._epoch_losses)
            self.board.add_scalar("loss/epoch", mean, epoch)
        if whole:
            self._epoch_losses.clear()
        self.board.flush()
        return mean

    def note(self, step: int, text: str) -> None:
        """Keep `text` with the curves at `step`."""
        self.board.add_text("requests", text, step)

    def state_dict(self) -> dict[str, Any]:
        """The losses that means are still taken over. What was noted before is on the drive afterwards."""
        self.flush()
        self.board.flush()
        return {"window": list(self._window), "epoch": list(self._epoch_losses)}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._window.extend(state_dict["window"])
        self._epoch_losses = list(state_dict["epoch"])

    def not_training(self, seconds: float) -> None:
        """Leave `seconds` spent on samples and saving out of the speed."""
        self._paused += seconds

    def close(self) -> None:
        """Write what is waiting and close TensorBoard's file."""
        self.flush()
        self.board.close()


def _most_held(device: torch.device) -> int | None:
    """Bytes that tensors have taken on the card at most so far; None without a card."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
