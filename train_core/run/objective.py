"""The loss of a batch: latents, noise, the model's prediction, its target, and how errors count."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from train_core.data.batch import Batch
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise import noise_for, seeds_for
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.diffusion.process import Process
from train_core.diffusion.timesteps import TimestepSampler
from train_core.facts.scores.measures import EVERY_LEVEL, LEVELS
from train_core.facts.seeds import seed_for
from train_core.run.model_inputs import ModelInputs
from train_core.run.preservation import Preservation

# (noisy, t, captions, extras) -> prediction, see `Predictor`.
Model = Callable[[Tensor, Tensor, list[str], Mapping[str, Tensor]], Tensor]

_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass
class Objective:
    """The loss that is trained. Every draw follows from `seed`, the batch's epoch and its samples.

    Batches lie on the model's device. With `preservation`, some samples are to be predicted as before the training.
    """

    inputs: ModelInputs
    noise_recipe: NoiseRecipe
    timestep_sampler: TimestepSampler
    loss_recipe: LossRecipe
    seed: int
    preservation: Preservation | None = None

    @property
    def process(self) -> Process:
        """The noise process that is learnt."""
        return self.inputs.process

    def loss(self, batch: Batch, model: Model) -> Tensor:
        """The weighted sum of the samples' losses, a scalar; fp32."""
        seeds = partial(self.seeds, batch)
        latents = self.latents(batch)
        noise = self.noise_recipe.noise(seeds, latents)
        levels = self.timestep_sampler.draw(seeds("timestep"))
        t = self.process.sample_t(levels).to(latents.device, non_blocking=True)
        noisy = self.inputs.noisy(latents, self.noise_recipe.perturbed(seeds, noise), t)
        extras = self.extras(batch)
        prediction = model(noisy, t, batch.captions, extras)
        target = self.process.target(latents, noise, t)
        if self.preservation:
            target = self.preservation.applied(target, batch, noisy, t, extras)
        losses = self.loss_recipe.per_sample(prediction, target, t, batch.masks)
        self.timestep_sampler.note(losses.detach(), levels, batch.weights)
        return (self.timestep_sampler.balanced(losses, levels) * batch.weights).sum()

    def latents(self, batch: Batch) -> Tensor:
        """Scaled latents (B, C, h, w), fp32, drawn from the VAE's distribution with each sample's own noise."""
        moments = self.inputs.moments(batch)
        draw = noise_for(self.seeds(batch, "latents"), moments.mean.shape[1:])
        return self.inputs.family.to_latents(moments, draw.to(moments.mean.device, non_blocking=True))

    def extras(self, batch: Batch) -> dict[str, Tensor]:
        """Conditioning besides text; holes to fill are drawn for each sample and epoch."""
        return self.inputs.extras(batch, partial(self.seeds, batch, "hole"))

    def seeds(self, batch: Batch, purpose: str) -> list[int]:
        """One seed for each sample of `batch`."""
        return seeds_for(self.seed, batch.epoch, batch.indices.tolist(), purpose)

    def end_step(self, total: Callable[[Tensor], Tensor]) -> None:
        """Let the noise levels of the next step follow from the losses of this one; `total` sums over processes."""
        self.timestep_sampler.end_step(total)


@dataclass
class FixedObjective:
    """The mean squared error at noise and noise levels that never change: to measure, not to train.

    It is plain: no weights, offsets or ranges of the training's loss, so that curves of different epochs and runs can
    be laid over each other. Everything follows from `seed` and the image's index, whichever images it is measured with.
    Validation measures one image at a time, so that training's batch size, workers and processes do not touch the
    result's last bits either.
    """

    inputs: ModelInputs
    seed: int

    def loss(self, batch: Batch, model: Model) -> Tensor:
        """The mean error (a scalar) of the images in `batch` over their noise levels."""
        return self._squared(batch, model, EVERY_LEVEL).mean()

    def errors(self, batch: Batch, model: Model, levels: Sequence[int] = EVERY_LEVEL) -> Tensor:
        """The mean error (B, L) of each image in `batch` at L of its noise levels, all seen at once."""
        return self._squared(batch, model, levels).mean(dim=(1, 2, 3)).view(-1, len(levels))

    def predictions(
        self, batch: Batch, model: Model, levels: Sequence[int] = EVERY_LEVEL
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """What `model` predicts of each image at L of its noise levels, and what it should predict.

        Both are (B L, C, h, w), fp32.
        """
        indices, process = batch.indices.tolist(), self.inputs.process
        latents = self.inputs.family.to_latents(self.inputs.moments(batch)).repeat_interleave(len(levels), dim=0)
        noise = self._noise(indices, levels, latents.shape[1:]).to(latents.device)
        t = process.sample_t(torch.cat([levels_of(index)[list(levels)] for index in indices])).to(latents.device)
        captions = [caption for caption in batch.captions for _ in levels]
        extras = self._extras(batch, indices, len(levels))
        prediction = model(self.inputs.noisy(latents, noise, t), t, captions, extras)
        return prediction.float(), process.target(latents, noise, t)

    def _squared(self, batch: Batch, model: Model, levels: Sequence[int]) -> Tensor:
        """The squared errors (B L, C, h, w)."""
        prediction, target = self.predictions(batch, model, levels)
        return (prediction - target).square()

    def _extras(self, batch: Batch, indices: Sequence[int], levels: int) -> dict[str, Tensor]:
        """Conditioning besides text, once for each of `levels`; a hole to fill is always the same."""
        extras = self.inputs.extras(batch, lambda: seeds_for(self.seed, 0, indices, "validation hole"))
        return {name: one.repeat_interleave(levels, dim=0) for name, one in extras.items()}

    def _noise(self, indices: Sequence[int], levels: Sequence[int], shape: torch.Size) -> Tensor:
        purposes = [f"validation noise {level}" for level in levels]
        return noise_for([seed_for(self.seed, 0, index, purpose) for index in indices for purpose in purposes], shape)


def levels_of(index: int) -> Tensor:
    """The noise levels u (LEVELS,), fp64 in [0, 1), of image `index`: one in each equal part of that range.

    Where in its part moves by the golden ratio from image to image, so that the images together cover the range
    evenly, however many there are.
    """
    within = (0.5 + index * _GOLDEN) % 1
    return torch.tensor([(level + within) / LEVELS for level in range(LEVELS)], dtype=torch.float64)
