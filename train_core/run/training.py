"""Everything a training run holds, and the small steps that the loop is made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train_core.config.problems import UserError
from train_core.config.sections.training import TrainingSettings
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData
from train_core.data.encoding import rescued_remark
from train_core.data.moments import Moments
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise import noise_for, seeds_for
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.diffusion.process import Process
from train_core.diffusion.timesteps import TimestepSampler
from train_core.events.kinds import NoticeEvent, RateChanged, WarningEvent
from train_core.events.log import emit_problems
from train_core.facts.run.rate_changes import RateChange
from train_core.facts.run.steps import StepCount
from train_core.facts.seeds import seed_for
from train_core.methods.method import Method
from train_core.models.family import Family
from train_core.models.sharding import is_shared_out
from train_core.optim.schedule import current_rates
from train_core.optim.stepper import Stepper
from train_core.run.control import Control
from train_core.run.divergence_guard import Guard
from train_core.run.inpainting import around_holes
from train_core.run.metrics import Metrics
from train_core.run.rates import RateChanges
from train_core.run.samples import SampleDrawer
from train_core.run.saving import Saver
from train_core.run.state import States
from train_core.run.validation import Validation


@dataclass
class Training:
    """The parts of a run. `model` is the predictor, wrapped for several processes; `step` counts from 0."""

    settings: TrainingSettings
    accelerator: Accelerator
    family: Family
    method: Method
    model: nn.Module
    dtype: torch.dtype
    vae_batch_size: int
    process: Process
    noise_recipe: NoiseRecipe
    timestep_sampler: TimestepSampler
    loss_recipe: LossRecipe
    data: TrainingData
    length: StepCount
    stepper: Stepper
    metrics: Metrics | None
    saver: Saver
    samples: SampleDrawer
    states: States
    control: Control
    rates: RateChanges
    guard: Guard
    validation: Validation | None = None
    preserved: frozenset[int] = frozenset()
    step: int = 0
    stopped: bool = field(default=False)
    paused: bool = field(default=False)
    _pause_asked: bool = field(default=False)
    _file_saved: bool = field(default=False)

    @property
    def epoch(self) -> int:
        """The epoch, from 1, that the last step belongs to."""
        return max(1, -(-self.step // self.length.steps_per_epoch))

    @property
    def in_epoch(self) -> bool:
        """Whether the last step left its epoch unfinished, and the run too."""
        return self.step % self.length.steps_per_epoch != 0 and self.step < self.length.total

    @property
    def gave_up(self) -> bool:
        """Whether the run has ended because its validation loss has not become better for long."""
        return self.validation is not None and self.validation.gives_up

    def epochs_left(self) -> range:
        """The epochs, from 0, that are not closed yet: a resumed run begins within the first of them."""
        if self.step == self.length.total:
            return range(0)
        return range(self.step // self.length.steps_per_epoch, self.length.epochs)

    def batches_left(self, epoch: int) -> Iterator[Batch]:
        """The batches of `epoch` that are not trained yet."""
        done = self.step - epoch * self.length.steps_per_epoch
        return self.data.epoch(epoch, first_batch=done * self.settings.gradient_accumulation_steps)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    def latents(self, batch: Batch) -> Tensor:
        """Scaled latents (B, C, h, w), fp32, drawn from the VAE's distribution with each sample's own noise."""
        moments = batch.moments or self._encode(batch)
        draw = self._noise(batch, "latents", moments.mean.shape[1:])
        return self.family.to_latents(moments.to(self.device), draw)

    def _encode(self, batch: Batch) -> Moments:
        """The VAE's answer, `vae_batch_size` images at a time as when caching, so that both give the same bits."""
        assert batch.pixels is not None
        pixels = batch.pixels.to(self.device).split(self.vae_batch_size)
        parts = [self.family.encode_images(some) for some in pixels]
        starts = range(0, len(batch.pixels), self.vae_batch_size)
        self._tell_rescued(batch, [s + row for s, part in zip(starts, parts, strict=True) for row in part.rescued])
        return Moments(torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts]))

    def _tell_rescued(self, batch: Batch, rows: Sequence[int]) -> None:
        """Name each image, once, that half precision could not hold."""
        library = self.data.library
        new = {library.entries[library.samples[int(batch.indices[row])]].path for row in rows} - self.data.rescued
        if new:
            self.data.rescued |= new
            emit_problems(self.control.emit, NoticeEvent, [rescued_remark(new)])

    def noise(self, batch: Batch, latents: Tensor) -> Tensor:
        """The noise (B, C, h, w) that the model learns to see."""
        return self.noise_recipe.noise(partial(self._seeds, batch), latents)

    def levels(self, batch: Batch) -> Tensor:
        """Noise levels u (B,) in [0, 1), wherever they were drawn."""
        return self.timestep_sampler.draw(self._seeds(batch, "timestep"))

    def timesteps(self, levels: Tensor) -> Tensor:
        """What the process calls these levels, t (B,)."""
        return self.process.sample_t(levels).to(self.device, non_blocking=True)

    def noisy(self, batch: Batch, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The model's input (B, C, h, w): `latents` with `noise`, and maybe some more, mixed in."""
        added = self.noise_recipe.perturbed(partial(self._seeds, batch), noise)
        return self.process.add_noise(latents, added, timesteps).to(self.dtype)

    def target(self, batch: Batch, latents: Tensor, noise: Tensor, timesteps: Tensor, noisy: Tensor) -> Tensor:
        """What the model should predict (B, C, h, w); of preserved samples, what it did before it was trained."""
        target = self.process.target(latents, noise, timesteps)
        kept = [row for row, index in enumerate(batch.indices.tolist()) if index in self.preserved]
        # Where the model is shared out, a process asks it in vain rather than let the others wait.
        rows = kept or ([0] if self.preserved and is_shared_out(self.family) else [])
        if not rows:
            return target
        extras = {name: of_all[rows] for name, of_all in self.extras(batch).items()}
        captions = [batch.captions[row] for row in rows]
        untrained = self.accelerator.unwrap_model(self.model).untrained(noisy[rows], timesteps[rows], captions, extras)
        if not kept:
            return target
        return target.index_put((torch.tensor(kept, device=target.device),), untrained.float())

    def loss(self, noise_pred: Tensor, target: Tensor, timesteps: Tensor, levels: Tensor, batch: Batch) -> Tensor:
        """The weighted sum of the samples' losses, a scalar; fp32."""
        masks = None if batch.masks is None else batch.masks.to(self.device)
        losses = self.loss_recipe.per_sample(noise_pred, target, timesteps, masks)
        weights = batch.weights.to(self.device)
        self.timestep_sampler.note(losses.detach(), levels, weights)
        return (self.timestep_sampler.balanced(losses, levels) * weights).sum()

    def extras(self, batch: Batch) -> dict[str, Tensor]:
        """What the model is told beside text: sizes and crops, and to fill holes also what is around them."""
        if not self.family.inpaints:
            return batch.extras
        assert batch.pixels is not None
        return batch.extras | around_holes(self.family, batch.pixels.to(self.device), self._seeds(batch, "hole"))

    def seed_dropouts(self, batch: Batch) -> None:
        """Dropouts of this batch follow from its samples, and what concerns the whole batch from the step."""
        self.method.reseed(
            seed_for(self.settings.seed, batch.epoch, self.step, "dropout"), self._seeds(batch, "dropout")
        )

    def move(self, epoch: int, batches: Sequence[Batch]) -> None:
        """Do the step that `batches` make, or leave it out. Raises UserError where too many had to be left out."""
        if self.guard.step(self.step, batches):
            self.method.end_step()
        if not self.guard.hopeless:
            return
        if self.guard.learnt_something_good():
            self.saver.save_step(self.step, epoch + 1)
        raise self.guard.give_up(self.step)

    def report(self, epoch: int, loss: Tensor) -> None:
        """Note the loss of the step just done. Every process takes part."""
        self.timestep_sampler.end_step(lambda noted: self.accelerator.reduce(noted, "sum"))
        if self.accelerator.num_processes > 1:
            loss = self.accelerator.reduce(loss, "mean")
        if self.metrics:
            self.metrics.step(self.step, epoch + 1, loss, current_rates(self.stepper.optimizer), self.method.norms)

    def asked_to_stop(self, epoch: int) -> bool:
        """Do what was asked for and what is due after this step; True when the run is to end early."""
        asked = self.control.requests(self.step)
        self._change_rate(asked.rate)
        with self._pause_clock():
            tired = self._validated(epoch, lambda v: v.is_due_after_step(self.step))
            self._file_saved = "save" in asked or self.saver.is_due_after_step(self.step)
            if self._file_saved:
                self.saver.save_step(self.step, epoch + 1, asked="save" in asked)
            if "sample" in asked or self.samples.is_due_after_step(self.step):
                self.samples.draw(self.step, None)
            self._pause_asked = "pause" in asked
            if self.in_epoch:
                self._keep_state(epoch + 1)
        self.stopped = self.paused or ((tired or "stop" in asked) and self.step < self.length.total)
        return self.stopped

    def end_epoch(self, epoch: int) -> None:
        """Close the epoch's books and do what is due after it. An epoch cut short is none."""
        if self.in_epoch:
            return
        if self.metrics:
            self.metrics.end_epoch(epoch + 1, whole=self.step % self.length.steps_per_epoch == 0)
        with self._pause_clock():
            # Before anything is saved, so that a run that is resumed from here knows of it.
            tired = self._validated(epoch, lambda v: v.is_due_after_epoch(epoch + 1))
            file_due = self.saver.is_due_after_epoch(epoch + 1) and self.step < self.length.total
            if file_due:
                self.saver.save_epoch(self.step, epoch + 1)
            if self.samples.is_due_after_epoch(epoch + 1):
                self.samples.draw(self.step, epoch + 1)
            self._keep_state(epoch + 1, epoch_file=file_due)
        self.stopped = self.stopped or self.paused or (tired and self.step < self.length.total)

    def _validated(self, epoch: int, is_due: Callable[[Validation], bool]) -> bool:
        """Validate if it is due; True when the run is to end because it has not become better for long."""
        if self.validation is None or not is_due(self.validation):
            return False
        self.validation.measure(self.step, epoch + 1)
        return self.validation.gives_up

    def _keep_state(self, epoch: int, epoch_file: bool = False) -> None:
        """Write the state, if one is due, after all else that this step brings; a pause ends the run once it is there.

        `epoch_file` says that an epoch's file was saved just now.
        """
        pause = self._pause_asked and self.step < self.length.total
        beside = self.states.settings.save_state
        kept = True
        if beside and epoch_file:
            kept = self.states.write_epoch(self.step, epoch)
        elif pause or (beside and self._file_saved) or self.states.is_due_after_step(self.step):
            kept = self.states.write_step(self.step, epoch, asked=pause)
        if pause:
            self.paused = self.control.agreed(kept)

    def _change_rate(self, wanted: RateChange | None) -> None:
        """Change the learning rate of the coming steps as asked for, now or before the run was interrupted."""
        changed = self.rates.repeat(self.step)
        if wanted:
            try:
                factor = self.rates.change(self.step, wanted)
            except UserError as error:
                emit_problems(self.control.emit, WarningEvent, error.problems)
            else:
                changed = str(wanted)
                self.control.emit(RateChanged(step=self.step, change=changed, factor=factor))
        if changed and self.metrics:
            self.metrics.note(self.step, f"learning rate {changed}")

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
