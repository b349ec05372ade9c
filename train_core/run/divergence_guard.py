"""The guard against runs that go wrong: steps with NaN are skipped and reported, divergence is reported or undone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor

from train_core.config.phrases import first_of
from train_core.config.problems import Problem, UserError, problem
from train_core.config.sections.validation import OnDivergence
from train_core.data.batch import Batch
from train_core.data.library import Library
from train_core.events.kinds import WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.optim.fused import FusedOptimizer
from train_core.optim.stepper import Stepper
from train_core.run.divergence import Divergence
from train_core.run.readback import Readback
from train_core.run.snapshot import Snapshot

SKIPPED_IN_A_ROW = 5
SKIPPED_IN_ALL = 10
RATE_AFTER_DIVERGENCE = 1 / 3
RECOVERIES = 3
NAMED_AT_MOST = 8


@dataclass
class Guard:
    """Looks at each step's loss and gradients before the parameters move.

    `advice` names the settings to change. `skipped` counts the steps left out, `in_a_row` those just now; `recovered`
    how often the run went back. Every process holds one, and all decide alike, since they look at the common loss.
    """

    accelerator: Accelerator
    stepper: Stepper
    library: Library
    emit: Emit
    advice: str
    on_divergence: OnDivergence
    divergence: Divergence
    skipped: int = 0
    in_a_row: int = 0
    recovered: int = 0
    good: Snapshot | None = None
    candidate: Snapshot | None = None
    broken_files: Callable[[Batch], set[Path]] = lambda batch: set()
    _losses: list[Tensor] = field(default_factory=list)
    _readback: Readback = field(default_factory=Readback)
    _norm: Readback = field(default_factory=Readback)
    _unsettled: tuple[int, Sequence[Batch]] | None = None  # the step whose norm is on its way from the device

    def passes(self, loss: Tensor, last: bool) -> bool:
        """Note a batch's part of the step's loss; with the `last` one the numbers set out for the host.

        False if there must be no backward pass: where the optimizer steps within it, later is too late to skip.
        """
        self._losses.append(loss.detach())
        if not last:
            return True
        own = torch.stack(self._losses)
        common = self.accelerator.reduce(own, "mean") if self.accelerator.num_processes > 1 else own
        self._readback.start(torch.stack([common, own]))
        self._losses = []
        if not isinstance(self.stepper.optimizer, FusedOptimizer):
            return True
        return all(math.isfinite(loss) for loss in self._readback.read()[0])

    def step(self, step: int, batches: Sequence[Batch]) -> bool:
        """Move the parameters in step `step` (from 0). If its loss or gradients are not numbers, report that and
        return False; of gradients on a graphics card that is known one step later, since nothing waits for the card.
        """
        losses, own = self._readback.read()
        self.settle()
        if not all(math.isfinite(loss) for loss in losses):
            self.stepper.skip(step)
            broken = [b for b, loss in zip(batches, own, strict=True) if not math.isfinite(loss)]
            self._skipped(loss_not_finite, step, broken)
            return False
        self._norm.start(self.stepper.step(step).reshape(1, 1))
        self._unsettled = (step, batches)
        if self.stepper.reads_at_once and not self.settle():
            return False
        if self.divergence.note(sum(losses)):
            self._diverged(step + 1)
        elif self.on_divergence == "recover" and self.divergence.seen % self.divergence.window == 0:
            self._take_snapshot(step + 1)
        return True

    def settle(self) -> bool:
        """Look at the gradients of the last step, if that was not done yet. False if they were not numbers."""
        if self._unsettled is None:
            return True
        (step, batches), self._unsettled = self._unsettled, None
        if math.isfinite(self._norm.read()[0][0]) or self.stepper.overflows_by_scaling():
            self.in_a_row = 0
            return True
        self._skipped(gradient_not_finite, step, batches)
        return False

    def _skipped(self, problem_of: Callable[[int, str], Problem], step: int, broken: Sequence[Batch]) -> None:
        """Count and report a step from which nothing was learnt."""
        self.skipped += 1
        self.in_a_row += 1
        images = self._named(path for batch in broken for path in images_of(batch, self.library))
        emit_problems(self.emit, WarningEvent, [problem_of(step + 1, images)])
        files = self._named(path for batch in broken for path in self.broken_files(batch))
        if files:
            emit_problems(self.emit, WarningEvent, [latents_cache_not_finite(files)])

    def _named(self, paths: Iterable[Path]) -> str:
        """`paths` of all processes for a message."""
        named = sorted({str(path) for path in paths})
        if self.accelerator.num_processes > 1:
            named = sorted(set(gather_object(named)))
        return first_of(named, NAMED_AT_MOST)

    @property
    def skipped_too_many(self) -> bool:
        """Whether so many steps were skipped that continuing is useless."""
        return self.in_a_row >= SKIPPED_IN_A_ROW or self.skipped >= SKIPPED_IN_ALL

    def error(self, step: int) -> UserError:
        """The error that ends the run at `step`, once it has `skipped_too_many`."""
        return UserError(
            problem(
                "loss_never_finite",
                "The loss or its gradients were not numbers in {count} steps, so the run ends at step {step}. Start "
                "again with one or more of these changes: {settings}. If the warnings keep naming the same images, "
                "remove them.",
                count=self.skipped, step=step, settings=self.advice,
            )
        )

    def has_good_weights(self) -> bool:
        """Whether the weights are worth saving; those of a snapshot take the place of broken ones."""
        if self.stepper.has_numbers():
            return self.divergence.seen > 0
        if self.good is None:
            return False
        self.good.restore(self.stepper)
        return True

    def _take_snapshot(self, step: int) -> None:
        """Keep the state if the loss is healthy. The one before it is now known to have led nowhere bad."""
        if self.divergence.healthy:
            self.good = self.candidate or self.good
            self.candidate = Snapshot.take(step, self.divergence.mean, self.stepper)

    def _diverged(self, step: int) -> None:
        times = f"{self.divergence.mean / self.divergence.best:.1f}"
        back = self.good or self.candidate
        if self.on_divergence == "warn" or back is None or self.recovered == RECOVERIES:
            emit_problems(self.emit, WarningEvent, [diverged(step, times, self.advice)])
            return
        back.restore(self.stepper)
        self.stepper.schedule.factor *= RATE_AFTER_DIVERGENCE
        self.divergence.go_back_to(back.mean)
        self.good, self.candidate = back, None
        self.recovered += 1
        emit_problems(self.emit, WarningEvent, [went_back(step, times, back.step)])

    def state_dict(self) -> dict[str, Any]:
        """State that resuming needs; with snapshots it holds tensors."""
        return {
            "divergence": self.divergence.state_dict(), "skipped": self.skipped, "in_a_row": self.in_a_row,
            "recovered": self.recovered, "good": vars(self.good).copy() if self.good else None,
            "candidate": vars(self.candidate).copy() if self.candidate else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.divergence.load_state_dict(state["divergence"])
        self.skipped, self.in_a_row, self.recovered = state["skipped"], state["in_a_row"], state["recovered"]
        self.good = Snapshot(**state["good"]) if state["good"] else None
        self.candidate = Snapshot(**state["candidate"]) if state["candidate"] else None


def images_of(batch: Batch, library: Library) -> list[Path]:
    """The images of `batch`; only those whose latents are not numbers, if there are such."""
    samples = [number for number, weight in enumerate(batch.weights.tolist()) if weight]
    if batch.moments is not None:
        broken = batch.moments.broken().tolist()
        samples = [number for number in samples if broken[number]] or samples
    return [library.entries[library.samples[int(batch.indices[number])]].path for number in samples]


def loss_not_finite(step: int, images: str) -> Problem:
    """Warning text for a skipped step, whose loss was not a number."""
    return problem(
        "loss_not_finite",
        "The loss at step {step} is not a number, so nothing is learnt from that step. Its images: {images}.",
        step=step, images=images,
    )


def gradient_not_finite(step: int, images: str) -> Problem:
    """Warning text for a step whose loss was a number, but not its gradients."""
    return problem(
        "gradient_not_finite",
        "The loss at step {step} is a number, but its gradients are not, so nothing is learnt from that step. Its "
        "images: {images}.",
        step=step, images=images,
    )


def latents_cache_not_finite(files: str) -> Problem:
    """Warning text for a step that was skipped because cached latents or text outputs are not numbers."""
    return problem(
        "latents_cache_not_finite",
        "Cached latents or text encoder outputs contain invalid values: {files}. Nothing is learnt from steps that use "
        "them. Delete these files; the next run creates them again.",
        files=files,
    )


def diverged(step: int, times: str, settings: str) -> Problem:
    """Warning text for a run whose loss has diverged."""
    return problem(
        "loss_diverged",
        "The loss has been far above its lowest value for a long time, at step {step} {times} times as high: training "
        "has diverged and will hardly ever recover by itself. Stop it, keep the last file saved before that, and start "
        "again with one or more of these changes: {settings}.",
        step=step, times=times, settings=settings,
    )


def went_back(step: int, times: str, back: int) -> Problem:
    """The same for a run that goes back by itself."""
    return problem(
        "loss_diverged_went_back",
        "The loss has been far above its lowest value for a long time, at step {step} {times} times as high: training "
        "had diverged. It continues from the weights of step {back}, at a third of the learning rate.",
        step=step, times=times, back=back,
    )
