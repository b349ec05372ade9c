"""Upkeep of a run after steps and epochs: requests, validation, files, samples and states."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from train_core.config.problems import Problem, UserError
from train_core.events.kinds import NoticeEvent, RateChanged, WarningEvent
from train_core.events.log import emit_problems
from train_core.facts.run.rate_changes import RateChange
from train_core.facts.run.steps import StepCount
from train_core.run.control import Control
from train_core.run.likeness import samples_alike
from train_core.run.loss_advice import LossAdvice
from train_core.run.metrics import Metrics
from train_core.run.outputs.saving import Saver
from train_core.run.outputs.state import States
from train_core.run.rates import RateChanges
from train_core.run.samples import SampleDrawer
from train_core.run.validation import Validation


@dataclass
class Upkeep:
    """Tasks of a run besides training. Steps are the number done so far, epochs count from 1.

    `stopped` says that the run is to end here, `paused` that it ends with a state to resume from.
    """

    length: StepCount
    control: Control
    rates: RateChanges
    saver: Saver
    samples: SampleDrawer
    states: States
    metrics: Metrics | None = None
    validation: Validation | None = None
    stopped: bool = False
    paused: bool = False
    loss_advice: LossAdvice = field(init=False)
    _pause_asked: bool = False
    _file_saved: bool = False
    _offered: bool = False  # the next stage, in this one

    def __post_init__(self) -> None:
        self.loss_advice = LossAdvice(self.saver.manifest.results)

    @property
    def stopped_early(self) -> bool:
        """Whether the run has ended because its validation loss has not improved for long."""
        return self.validation is not None and self.validation.stops_early

    def before_first_step(self) -> None:
        """Draw the samples that show the model as it was before the training."""
        with self._clock_paused():
            self._draw(0, None)

    def after_step(self, step: int, epoch: int) -> bool:
        """Do what was requested and what is due after `step`; True if the run is to end early."""
        asked = self.control.requests(step)
        self._change_rate(step, asked.rate)
        self._change_stage(step, "next_stage" in asked)
        with self._clock_paused():
            self._file_saved = "save" in asked or self.saver.is_due_after_step(step)
            self._pause_asked = "pause" in asked
            stop_early = self._validated(step, epoch, lambda validation: validation.is_due_after_step(step))
            if self._file_saved:
                self.saver.save_step(step, epoch, asked="save" in asked)
            if "sample" in asked or self.samples.is_due_after_step(step):
                self._draw(step, None)
            if self._within_epoch(step):
                self._keep_state(step, epoch)
        stop = self.stopped or stop_early or "stop" in asked
        self.stopped = self.paused or (stop and step < self.length.total)
        return self.stopped

    def after_epoch(self, step: int, epoch: int) -> None:
        """Close the epoch's curves and do what is due after it; nothing for an epoch that was cut short."""
        if self._within_epoch(step):
            return
        advice: list[Problem] = []
        if self.metrics:
            mean = self.metrics.end_epoch(epoch, whole=step % self.length.steps_per_epoch == 0)
            if self.validation is None:
                advice = self.loss_advice.of_epoch(step, epoch, mean)
        with self._clock_paused():
            # Before anything is saved, so that a run that is resumed from here knows of it.
            stop_early = self._validated(step, epoch, lambda validation: validation.is_due_after_epoch(epoch))
            file_due = self.saver.is_due_after_epoch(epoch) and step < self.length.total
            if file_due:
                self.saver.save_epoch(step, epoch)
            emit_problems(self.control.emit, NoticeEvent, advice)  # now that the epoch's file is there
            if self.samples.is_due_after_epoch(epoch):
                self._draw(step, epoch)
            self._keep_state(step, epoch, epoch_file=file_due)
        self.stopped = self.stopped or self.paused or (stop_early and step < self.length.total)

    def _draw(self, step: int, epoch: int | None) -> None:
        """Draw the samples; a stop that was requested meanwhile has cut them short, and ends the run here."""
        self.samples.draw(step, epoch)
        self.stopped = self.control.takes_stop(step) and step < self.length.total
        if self.rates.stages_left and self.samples.likeness.settled:
            self.samples.likeness.begin_stage()
            if not self._offered:
                self._offered = True
                emit_problems(self.control.emit, NoticeEvent, [samples_alike(self.samples.likeness.change)])

    def _within_epoch(self, step: int) -> bool:
        """Whether both the epoch and the run continue after `step`."""
        return step % self.length.steps_per_epoch != 0 and step < self.length.total

    def _validated(self, step: int, epoch: int, is_due: Callable[[Validation], bool]) -> bool:
        """Validate if it is due; True if the run is to end because it has not improved for long."""
        if self.validation is None or not is_due(self.validation):
            return False
        self.validation.measure(step, epoch)
        advice = self.loss_advice.of_validation(self.validation.history)
        emit_problems(self.control.emit, NoticeEvent, advice)
        return self.validation.stops_early

    def _keep_state(self, step: int, epoch: int, epoch_file: bool = False) -> None:
        """Write the state, if one is due, after all else that this step brings; a pause ends the run once it is there.

        `epoch_file` says that an epoch's file was saved just now.
        """
        pause = self._pause_asked and step < self.length.total
        with_files = self.states.settings.save_state
        kept = True
        if with_files and epoch_file:
            kept = self.states.write_epoch(step, epoch)
        elif pause or (with_files and self._file_saved) or self.states.is_due_after_step(step):
            kept = self.states.write_step(step, epoch, asked=pause)
        if pause:
            self.paused = self.control.agreed(kept)

    def _change_rate(self, step: int, wanted: RateChange | None) -> None:
        """Change the learning rate of the coming steps as requested, now or before the run was interrupted."""
        changed = self.rates.repeat(step)
        if wanted:
            try:
                factor = self.rates.change(step, wanted)
            except UserError as error:
                emit_problems(self.control.emit, WarningEvent, error.problems)
            else:
                changed = str(wanted)
                self.control.emit(RateChanged(step=step, change=changed, factor=factor))
        if changed and self.metrics:
            self.metrics.note(step, f"learning rate {changed}")

    def _change_stage(self, step: int, asked: bool) -> None:
        """Go on to the next stage of the rate as requested, now or before the run was interrupted; tell of new ones."""
        pressed = self.rates.repeat_stage(step)
        if asked and not pressed:
            try:
                self.rates.next_stage(step)
                pressed = True
            except UserError as error:
                emit_problems(self.control.emit, WarningEvent, error.problems)
        self.tell_stage(step, pressed)

    def tell_stage(self, step: int, pressed: bool = False) -> None:
        """Say which stage of the rate follows after `step`, if it is another one than before."""
        is_first = self.rates.told_stage is None
        begun = self.rates.stage_to_tell(step, pressed)
        if begun is None:
            return
        self.control.emit(begun)
        self._offered = False
        self.samples.likeness.begin_stage()
        if self.metrics and not is_first:  # what a resumed run begins with is not new
            self.metrics.note(step, f"stage {begun.stage} of the learning rate")

    @contextmanager
    def _clock_paused(self) -> Iterator[None]:
        """Leave the time spent within out of the reported speed."""
        started = time.monotonic()
        try:
            yield
        finally:
            if self.metrics:
                self.metrics.not_training(time.monotonic() - started)
