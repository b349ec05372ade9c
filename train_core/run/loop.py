"""The training loop: batch, loss, backward, step, report. `Objective.loss` says what the loss of a batch is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import torch

from train_core.run.training import Training

T = TypeVar("T")


def train(run: Training) -> None:
    """Train from `run.step` until the run's length is reached or a stop is requested."""
    for epoch in run.epochs_left():
        for batches in groups(run.batches_left(epoch), run.settings.gradient_accumulation_steps):
            step_loss = torch.zeros((), device=run.device)
            run.method.begin_step(run.step)
            for position, batch in enumerate(batches, 1):
                last = position == len(batches)
                run.seed_dropouts(batch)
                with run.stepper.gathering(last):
                    loss = run.objective.loss(batch, run.model) / len(batches)
                    if run.guard.passes(loss, last):
                        run.stepper.backward(loss)
                step_loss += loss.detach()
            run.move(epoch, batches)
            run.step += 1
            run.report(epoch, step_loss)
            if run.upkeep.after_step(run.step, epoch + 1) or run.step == run.length.total:
                break
        run.guard.settle()
        run.upkeep.after_epoch(run.step, epoch + 1)
        if run.upkeep.stopped:
            return


def groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` consecutive items; the last may be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group
