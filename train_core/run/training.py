"""Everything a training run holds, and the small steps that the loop is made of."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train_core.config.sections.training import TrainingSettings
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData
from train_core.data.moments import Moments
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise import noise_for, seeds_for
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.diffusion.timesteps import TimestepSampler
from train_core.facts.draws import seed_for
from train_core.facts.steps import StepCount
from train_core.methods.adapter import AdapterMethod
from train_core.models.family import Family
from train_core.optim.schedule import current_rates
from train_core.optim.stepper import Stepper
from train_core.run.control import Control
from train_core.run.metrics import Metrics
from train_core.run.samples import SampleDrawer
from train_core.run.saving import Saver


@dataclass
class Training:
    """The parts of a run. `model` is the predictor, wrapped for several processes; `step` counts from 0."""

    settings: TrainingSettings
    accelerator: Accelerator
    family: Family
    method: AdapterMethod
    model: nn.Module
    dtype: torch.dtype
    vae_batch_size: int
    process: DDPM
    noise_recipe: NoiseRecipe
    timestep_sampler: TimestepSampler
    loss_recipe: LossRecipe
    data: TrainingData
    length: StepCount
    stepper: Stepper
    metrics: Metrics | None
    saver: Saver
    samples: SampleDrawer
    control: Control
    preserved: frozenset[int] = frozenset()
    step: int = 0
    stopped: bool = field(default=False)

    @property
    def epoch(self) -> int:
        """The epoch, from 1, that the last step belongs to."""
        return max(1, -(-self.step // self.length.steps_per_epoch))

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def latents(self, batch: Batch) -> Tensor:
        """Scaled latents (B, C, h, w), fp32, drawn from the VAE's distribution with each sample's own noise."""
        moments = batch.moments or self._encode(batch)
        draw = self._noise(batch, "latents", moments.mean.shape[1:])
        return moments.to(self.device).sample(draw) * self.family.latent_scale

    def _encode(self, batch: Batch) -> Moments:
        """The VAE's answer, `vae_batch_size` images at a time as when caching, so that both give the same bits."""
        assert batch.pixels is not None
        pixels = batch.pixels.to(self.device).split(self.vae_batch_size)
        parts = [self.family.encode_images(some) for some in pixels]
        return Moments(torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts]))

    def noise(self, batch: Batch, latents: Tensor) -> Tensor:
        """The noise (B, C, h, w) that the model learns to see."""
        return self.noise_recipe.noise(partial(self._seeds, batch), latents)

    def timesteps(self, batch: Batch) -> Tensor:
        """Noise levels (B,)."""
        return self.timestep_sampler.draw(self._seeds(batch, "timestep"))

    def noisy(self, batch: Batch, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The model's input (B, C, h, w): `latents` with `noise`, and maybe some more, mixed in."""
        added = self.noise_recipe.perturbed(partial(self._seeds, batch), noise)
        return self.process.add_noise(latents, added, timesteps).to(self.dtype)

    def target(self, batch: Batch, latents: Tensor, noise: Tensor, timesteps: Tensor, noisy: Tensor) -> Tensor:
        """What the model should predict (B, C, h, w); of preserved samples, what it did before it was trained."""
        target = self.process.target(latents, noise, timesteps)
        kept = [row for row, index in enumerate(batch.indices.tolist()) if index in self.preserved]
        if not kept:
            return target
        extras = {name: of_all[kept] for name, of_all in self.extras(batch).items()}
        captions = [batch.captions[row] for row in kept]
        untrained = self.accelerator.unwrap_model(self.model).untrained(noisy[kept], timesteps[kept], captions, extras)
        return target.index_put((torch.tensor(kept, device=target.device),), untrained.float())

    def loss(self, noise_pred: Tensor, target: Tensor, timesteps: Tensor, batch: Batch) -> Tensor:
        """The weighted sum of the samples' losses, a scalar; fp32."""
        losses = self.loss_recipe.per_sample(noise_pred, target, timesteps)
        weights = batch.weights.to(self.device)
        self.timestep_sampler.note(losses.detach(), timesteps, weights)
        return (self.timestep_sampler.balanced(losses, timesteps) * weights).sum()

    def seed_dropouts(self, batch: Batch) -> None:
        """Dropouts of this batch follow from its samples, and what concerns the whole batch from the step."""
        self.method.reseed(
            seed_for(self.settings.seed, batch.epoch, self.step, "dropout"), self._seeds(batch, "dropout")
        )

    def report(self, epoch: int, loss: Tensor) -> None:
        """Note the loss of the step just done. Every process takes part."""
        self.timestep_sampler.end_step(lambda noted: self.accelerator.reduce(noted, "sum"))
        if self.accelerator.num_processes > 1:
            loss = self.accelerator.reduce(loss, "mean")
        if self.metrics:
            self.metrics.step(self.step, epoch + 1, loss, current_rates(self.stepper.optimizer))

    def asked_to_stop(self, epoch: int) -> bool:
        """Do what was asked for and what is due after this step; True when the run is to end early."""
        asked = self.control.requests()
        with self._pause_clock():
            if "save" in asked or self.saver.is_due_after_step(self.step):
                self.saver.save_step(self.step, epoch + 1)
            if "sample" in asked or self.samples.is_due_after_step(self.step):
                self.samples.draw(self.step, None)
        self.stopped = "stop" in asked and self.step < self.length.total
        return self.stopped

    def end_epoch(self, epoch: int) -> None:
        """Close the epoch's books and do what is due after it. An epoch cut short is none."""
        if self.stopped:
            return
        if self.metrics:
            self.metrics.end_epoch(epoch + 1)
        with self._pause_clock():
            if self.saver.is_due_after_epoch(epoch + 1) and self.step < self.length.total:
                self.saver.save_epoch(self.step, epoch + 1)
            if self.samples.is_due_after_epoch(epoch + 1):
                self.samples.draw(self.step, epoch + 1)

    def _seeds(self, batch: Batch, purpose: str) -> list[int]:
        return seeds_for(self.settings.seed, batch.epoch, batch.indices.tolist(), purpose)

    def _noise(self, batch: Batch, purpose: str, shape: tuple[int, ...] | torch.Size) -> Tensor:
        return noise_for(self._seeds(batch, purpose), shape).to(self.device, non_blocking=True)

    def _pause_clock(self) -> _Pause:
        return _Pause(self.metrics)


class _Pause:
    """Leaves the time spent within out of the reported speed."""

    def __init__(self, metrics: Metrics | None) -> None:
        self.metrics = metrics

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        if self.metrics:
            self.metrics.not_training(time.monotonic() - self.started)
