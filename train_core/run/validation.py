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
from torch import Tensor, nn

from train_core.config.sections.validation import ValidationSettings
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData
from train_core.diffusion.noise import noise_for, seeds_for
from train_core.diffusion.process import Process
from train_core.events.kinds import Conclusion, NoticeEvent, Validated
from train_core.events.log import Emit, emit_problems
from train_core.facts.seeds import seed_for
from train_core.models.family import Family
from train_core.models.sharding import is_shared_out
from train_core.run.inpainting import around_holes
from train_core.run.metrics import Metrics
from train_core.run.validation_history import History, Measurement, nearest_file, verdict

LEVELS = 4  # noise levels at which each image is measured
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass
class Validator:
    """Measures the mean squared error of `model` on the images of `data`, whose batches hold one image each.

    The error is plain: no weights, offsets or ranges of the training's loss, so that curves of different epochs and
    runs can be laid over each other. Everything follows from `seed` and the image's index. An image is one batch of its
    noise levels, so that training's batch size, workers and processes do not touch the result.
    """

    accelerator: Accelerator
    family: Family
    model: nn.Module
    process: Process
    data: TrainingData
    dtype: torch.dtype
    seed: int
    averages: Callable[[], AbstractContextManager[None]]  # see `Stepper.inference`

    @torch.no_grad()
    def loss(self) -> float:
        """The mean over images and noise levels. Every process takes part, and each gets the answer."""
        losses = torch.zeros(len(self.data.library.entries), device=self.accelerator.device)
        with self.averages(), without_dropouts(self.model):
            for batch in self.data.epoch(0):
                counts = batch.weights[0] > 0  # else it only fills up a process's share
                if counts or is_shared_out(self.family):
                    loss = self._image_loss(batch)
                    losses[batch.indices] = loss if counts else losses[batch.indices]
        if self.accelerator.num_processes > 1:
            losses = self.accelerator.reduce(losses, "sum")
        return float(losses.cpu().double().mean())

    def _image_loss(self, batch: Batch) -> Tensor:
        """The mean error (a scalar) of the one image in `batch` over its noise levels."""
        device = self.accelerator.device
        index = int(batch.indices[0])
        moments = batch.moments or self.family.encode_images(self._pixels(batch).to(device))
        latents = self.family.to_latents(moments.to(device)).expand(LEVELS, -1, -1, -1)
        noise = self._noise(index, latents.shape[1:]).to(device)
        timesteps = self.process.sample_t(levels_of(index)).to(device)
        noisy = self.process.add_noise(latents, noise, timesteps).to(self.dtype)
        noise_pred = self.model(noisy, timesteps, batch.captions * LEVELS, self._extras(batch, index))
        return (noise_pred.float() - self.process.target(latents, noise, timesteps)).square().mean()

    def _extras(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """What the model is told beside text, once for each noise level; a hole to fill is always the same."""
        extras = batch.extras
        if self.family.inpaints:
            hole = seed_for(self.seed, 0, index, "validation hole")
            extras |= around_holes(self.family, self._pixels(batch).to(self.accelerator.device), [hole])
        return {name: one.repeat_interleave(LEVELS, dim=0) for name, one in extras.items()}

    def _noise(self, index: int, shape: torch.Size) -> Tensor:
        seeds = [seeds_for(self.seed, 0, [index], f"validation noise {level}")[0] for level in range(LEVELS)]
        return noise_for(seeds, shape)

    @staticmethod
    def _pixels(batch: Batch) -> Tensor:
        assert batch.pixels is not None
        return batch.pixels


def levels_of(index: int) -> Tensor:
    """The noise levels u (LEVELS,), fp64 in [0, 1), of image `index`: one in each equal part of that range.

    Where in its part moves by the golden ratio from image to image, so that the images together cover the range
    evenly, however many there are.
    """
    within = (0.5 + index * _GOLDEN) % 1
    return torch.tensor([(level + within) / LEVELS for level in range(LEVELS)], dtype=torch.float64)


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
    """When a run is validated, what is reported of it, and when it has gone on long enough without a better value."""

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
        """What resuming needs."""
        return {"measured": self.history.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Go on from what `state_dict` gave."""
        self.history.load_state_dict(state_dict["measured"])

    def conclusion(self, saved: Mapping[Path, int]) -> Conclusion | None:
        """What the curve came to, `saved` being the run's files with their steps; it is told, too."""
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
    def gives_up(self) -> bool:
        """Whether the run is to end because it has not become better for long."""
        return 0 < self.settings.early_stop_patience <= self.history.without_better
