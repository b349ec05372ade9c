"""A training run as the loop sees it: what it holds, and the small steps that the loop is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train_core.config.problems import UserError
from train_core.config.sections.training import TrainingSettings
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData
from train_core.data.prefetch import batches_on
from train_core.data.processes import in_step
from train_core.facts.run.steps import StepCount
from train_core.facts.seeds import seed_for
from train_core.methods.method import Method
from train_core.optim.schedule import current_rates
from train_core.optim.stepper import Stepper
from train_core.run.divergence_guard import Guard
from train_core.run.metrics import Metrics
from train_core.run.objective import Objective
from train_core.run.outputs.last_good import last_good
from train_core.run.upkeep import Upkeep


@dataclass
class Training:
    """The parts of a run. `model` is the predictor, wrapped for several processes; `step` counts from 0.

    `release` makes the name of its results available to others. `watch` is called with the number of each step that is
    done.
    """

    settings: TrainingSettings
    accelerator: Accelerator
    method: Method
    model: nn.Module
    objective: Objective
    data: TrainingData
    length: StepCount
    stepper: Stepper
    guard: Guard
    upkeep: Upkeep
    metrics: Metrics | None
    step: int = 0
    release: Callable[[], None] = lambda: None
    watch: Callable[[int], None] = lambda step: None

    def close(self) -> None:
        """Make the name of the results available to other runs."""
        self.release()

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def epoch(self) -> int:
        """The epoch, from 1, that the last step belongs to."""
        return max(1, -(-self.step // self.length.steps_per_epoch))

    def epochs_left(self) -> range:
        """The epochs, from 0, that are not closed yet: a resumed run begins within the first of them."""
        if self.step == self.length.total:
            return range(0)
        return range(self.step // self.length.steps_per_epoch, self.length.epochs)

    def batches_left(self, epoch: int) -> Iterator[Batch]:
        """The batches of `epoch` that are not trained yet, on the device. Raises `UnreadableDataError`."""
        done = self.step - epoch * self.length.steps_per_epoch
        first = done * self.settings.gradient_accumulation_steps
        return in_step(batches_on(self.device, self.data.epoch(epoch, first_batch=first)))

    def seed_dropouts(self, batch: Batch) -> None:
        """Dropouts of this batch follow from its samples, and what concerns the whole batch from the step."""
        self.method.reseed(
            seed_for(self.settings.seed, batch.epoch, self.step, "dropout"), self.objective.seeds(batch, "dropout")
        )

    def move(self, epoch: int, batches: Sequence[Batch]) -> None:
        """Do the step that `batches` make, or leave it out. Raises UserError where too many had to be left out."""
        if self.guard.step(self.step, batches):
            self.method.end_step()
        if not self.guard.skipped_too_many:
            return
        if self.guard.has_good_weights():
            self.upkeep.saver.save_step(self.step, epoch + 1, last=True)
        raise UserError(*self.guard.error(self.step).problems, *last_good(self.upkeep.saver.manifest))

    def report(self, epoch: int, loss: Tensor) -> None:
        """Note the loss of the step just done. Every process takes part."""
        self.objective.end_step(lambda noted: self.accelerator.reduce(noted, "sum"))
        if self.accelerator.num_processes > 1:
            loss = self.accelerator.reduce(loss, "mean")
        if self.metrics:
            rates = current_rates(self.stepper.optimizer)
            self.metrics.step(self.step, epoch + 1, loss, rates, self.method.norms, self.stepper.norm)
        self.watch(self.step)
