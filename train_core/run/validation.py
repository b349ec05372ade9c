"""Validation: the loss on images that are not trained on, at noise and timesteps that never change."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from train_core.config.sections.validation import ValidationSettings
from train_core.data.dataset import TrainingData
from train_core.data.prefetch import batches_on
from train_core.data.processes import in_step
from train_core.events.kinds import Conclusion, NoticeEvent, Validated
from train_core.events.log import Emit, emit_problems
from train_core.run.metrics import Metrics
from train_core.run.objective import FixedObjective
from train_core.run.validation_history import History, Measurement, nearest_file, verdict


@dataclass
class Validator:
    """Measures `model` on the images of `data`, whose batches hold one image each, by an objective that never changes.

    Within `averages` the parameters are those to measure, see `Stepper.inference`.
    """

    accelerator: Accelerator
    model: nn.Module
    objective: FixedObjective
    data: TrainingData
    averages: Callable[[], AbstractContextManager[None]]

    @torch.no_grad()
    def loss(self) -> float:
        """The mean over images and noise levels. Every process takes part, and each gets the answer.

        Raises `UnreadableDataError`.
        """
        device = self.accelerator.device
        losses = torch.zeros(len(self.data.library.entries), device=device)
        with self.averages(), without_dropouts(self.model):
            for batch in in_step(batches_on(device, self.data.epoch(0))):
                counts = batch.weights[0] > 0  # else it only fills up a process's share
                if counts or self.objective.inputs.family.shared_out:
                    loss = self.objective.loss(batch, self.model)
                    losses[batch.indices] = loss if counts else losses[batch.indices]
        if self.accelerator.num_processes > 1:
            losses = self.accelerator.reduce(losses, "sum")
        return float(losses.cpu().double().mean())


@contextmanager
def without_dropouts(model: nn.Module) -> Iterator[None]:
    """Within, `model` computes without dropouts."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@dataclass
class Validation:
    """Validation of a run: when it is due, what is reported, and when to stop for lack of improvement."""

    settings: ValidationSettings
    validator: Validator
    metrics: Metrics | None
    emit: Emit
    history: History = field(default_factory=History)

    def is_due_after_step(self, step: int) -> bool:
        every = self.settings.validate_every_n_steps
        return every > 0 and step % every == 0

    def is_due_after_epoch(self, epoch: int) -> bool:
        every = self.settings.validate_every_n_epochs
        return every > 0 and epoch % every == 0

    def measure(self, step: int, epoch: int) -> None:
        """Measure after `step` in `epoch`, both from 1, unless that was done already."""
        if self.history.measured and self.history.measured[-1].step == step:
            return
        loss = self.validator.loss()
        self.history.measured.append(Measurement(step, epoch, loss))
        if self.metrics:
            self.metrics.validated(step, loss)
        best = self.history.best
        self.emit(
            Validated(
                step=step, epoch=epoch, loss=loss if math.isfinite(loss) else None,
                best_step=best.step if best else None, best_loss=best.loss if best else None,
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """State that resuming needs."""
        return {"measured": self.history.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Go on from what `state_dict` gave."""
        self.history.load_state_dict(state_dict["measured"])

    def conclusion(self, saved: Mapping[Path, int]) -> Conclusion | None:
        """Conclusion of the curve, which is also reported; `saved` is the run's files with their steps."""
        best = self.history.best
        if best is None:
            return None
        nearest = nearest_file(saved, best.step)
        emit_problems(self.emit, NoticeEvent, [verdict(self.history, best, nearest)])
        return Conclusion(
            best_epoch=best.epoch, best_step=best.step, best_loss=best.loss,
            overfitted=self.history.overfitted, nearest=str(nearest) if nearest else None,
        )

    @property
    def stops_early(self) -> bool:
        """Whether the run is to end because it has not improved for long."""
        return 0 < self.settings.early_stop_patience <= self.history.without_better
