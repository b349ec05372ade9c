"""The training loop: batch, noise, predict, loss, backward, step, report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import torch

from train_core.run.training import Training

T = TypeVar("T")


def train(run: Training) -> None:
    """Train from `run.step` until the run's length is reached or a stop is asked for."""
    for epoch in run.epochs_left():
        for batches in groups(run.batches_left(epoch), run.settings.gradient_accumulation_steps):
            step_loss = torch.zeros((), device=run.device)
            run.method.begin_step(run.step)
            for position, batch in enumerate(batches, 1):
                latents = run.latents(batch)
                noise = run.noise(batch, latents)
                levels = run.levels(batch)
                timesteps = run.timesteps(levels)
                noisy = run.noisy(batch, latents, noise, timesteps)
                run.seed_dropouts(batch)
                with run.stepper.gathering(last=position == len(batches)):
                    noise_pred = run.model(noisy, timesteps, batch.captions, run.extras(batch))
                    target = run.target(batch, latents, noise, timesteps, noisy)
                    loss = run.loss(noise_pred, target, timesteps, levels, batch) / len(batches)
                    if run.guard.passes(loss, last=position == len(batches)):
                        run.stepper.backward(loss)
                step_loss += loss.detach()
            run.move(epoch, batches)
            run.step += 1
            run.report(epoch, step_loss)
            if run.asked_to_stop(epoch) or run.step == run.length.total:
                break
        run.end_epoch(epoch)
        if run.stopped:
            return


def groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` consecutive items; the last may be shorter."""
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group
