"""Every kind of event that a job sends. Each class's docstring and the notes of its fields make up docs/events.md."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from train_core.config.phrases import Phrase, from_plain, joined, phrase
from train_core.config.problems import Problem
from train_core.events.event import OTHERWISE, Event, event

EndStatus = Literal["completed", "stopped", "paused", "failed"]


@event("schema")
@dataclass(frozen=True)
class Schema(Event):
    """The first line of a file."""

    schema: Annotated[int, "1"]


@event("started")
@dataclass(frozen=True)
class Started(Event):
    """The settings are checked and the model is loaded."""

    job: str
    output_name: str
    output_dir: str = ""
    total_steps: int = 0
    epochs: int = 0
    steps_per_epoch: int = 0
    images: int | None = None
    seed: int | None = None
    processes: int = 0
    device: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> str:
        if not self.total_steps:
            return ""
        return phrase(
            "said_started", "{name}: {steps} steps in {epochs} epochs",
            name=self.output_name or self.job, steps=self.total_steps, epochs=self.epochs,
        )


@event("stage")
@dataclass(frozen=True)
class Stage(Event):
    """A part of the work begins or moves on."""

    name: Annotated[str, "`checking`, which also has the `pid` of the job, `loading`, `caching`, `training`, `saving`, "
                         "`drawing`; tools have more"]
    done: Annotated[int | None, "where it can be counted"] = None
    total: Annotated[int | None, "likewise"] = None


@event("progress")
@dataclass(frozen=True)
class Progress(Event):
    """Steps are done; sent at most twice a second."""

    step: int
    total_steps: int
    epoch: int
    epochs: int
    loss: Annotated[float | None, "null if it is no number"]
    average: Annotated[float | None, "over one epoch's steps"]
    lr: Annotated[Mapping[str, float], "rate by part"]
    speed: Annotated[float | None, "steps a second"]
    eta: Annotated[float | None, "seconds"]
    grad_norm: Annotated[float | None, "length of the last step's gradients, before clipping"] = None
    memory: Annotated[int | None, "bytes that the card has held at most so far"] = None


@event("sample")
@dataclass(frozen=True)
class SampleDrawn(Event):
    """A sample picture is written."""

    path: str
    prompt: str
    index: int
    step: int
    epoch: Annotated[int | None, "null where it was not drawn for the end of an epoch"]
    seed: int

    def words(self) -> str:
        return phrase("said_sample", "Sample: {path}", path=self.path)


@event("saved")
@dataclass(frozen=True)
class Saved(Event):
    """A result is written."""

    path: str
    step: int
    epoch: int
    final: Annotated[bool, "true for the last one of a complete run"]

    def words(self) -> str:
        return phrase("said_saved", "Saved: {path}", path=self.path)


@event("rate_found")
@dataclass(frozen=True)
class RateFound(Event):
    """A search for the learning rate (`python -m train_core find_rate`) is done."""

    rate: float
    settled: Annotated[bool, "whether it had stopped growing"]
    steps: int
    suggestions: Annotated[Mapping[str, Mapping[str, float]], "what to set, by optimizer"]
    unet_lr: Annotated[float | None, "to set for AdamW8bit, where parts have rates of their own"]
    text_encoder_lr: Annotated[float | None, "likewise"]

    def words(self) -> str:
        return joined("line", (
            phrase("said_rates", "For {name}: {rates}", name=name, rates=joined("comma", (
                f"{setting} = {rate:g}" for setting, rate in rates.items()
            )))
            for name, rates in self.suggestions.items()
        ))  # fmt: skip


@event("measured")
@dataclass(frozen=True)
class Measured(Event):
    """A training ends, and what its steps have taken is known."""

    work: Annotated[str, "stands for the kind of model and all settings that time and memory depend on"]
    device: Annotated[str, "`cpu`, `cuda`, `mps`"]
    card: Annotated[str, "its name"]
    steps: Annotated[int, "that the time is the mean of"]
    seconds_per_step: Annotated[float | None, "without pictures and saving"]
    peak_memory: Annotated[int | None, "bytes on the device, or of the process"]


@event("tried")
@dataclass(frozen=True)
class Tried(Measured):
    """A try (`python -m train_core try`) is done. Sizes are in bytes, times in seconds."""

    total_steps: Annotated[int, "of the whole training"]
    pictures: Annotated[int, "that it would draw"]
    seconds_per_picture: float | None
    seconds: Annotated[float | None, "that the whole training would take"]
    free_memory: Annotated[int, "before the try"]
    total_memory: int
    holders: Annotated[Mapping[str, int], "what else held memory, by program"]
    batch_size: Annotated[int, "as set"]
    largest_batch: Annotated[int | None, "that fits; null where that was not looked for"]
    largest_was_done: Annotated[bool, "false where it is only expected from smaller ones"]
    values: Annotated[Mapping[str, Any], "to set, by setting"]

    @property
    def fits(self) -> bool:
        """Whether there was memory enough for the steps."""
        return self.seconds_per_step is not None

    def ends(self) -> datetime | None:
        """The local time at which the training would end if it had begun when this was said."""
        if self.seconds is None:
            return None
        try:
            return datetime.fromtimestamp((self.time or time.time()) + self.seconds)
        except (OverflowError, ValueError, OSError):
            return None  # further off than any calendar

    def words(self) -> str:
        return joined("line", filter(None, (self._duration(), self._memory(), self._held(), self._batch())))

    def _duration(self) -> str:
        if self.seconds_per_step is None or self.seconds is None:
            return phrase(
                "said_try_too_large", "A batch of {batch} needs more memory than there is.", batch=self.batch_size
            )
        ends = self.ends()
        return phrase(
            "said_try_time",
            "A step takes {step} s; all {steps} steps with loading and pictures about {whole}. Started now, the "
            "training ends at {hour}.",
            step=f"{self.seconds_per_step:.3g}", steps=f"{self.total_steps:,}", whole=clock_text(self.seconds),
            hour=f"{ends:%Y-%m-%d %H:%M}" if ends else "–",
        )

    def _memory(self) -> str:
        return phrase(
            "said_try_memory", "Memory: at most {peak}; {free} of {total} were free.",
            peak=_gib(self.peak_memory or 0), free=_gib(self.free_memory), total=_gib(self.total_memory),
        )

    def _held(self) -> str:
        if not self.holders:
            return ""
        each = joined("comma", (f"{name} {_gib(size)}" for name, size in self.holders.items()))
        return phrase("said_try_held", "What else holds memory: {holders}", holders=each)

    def _batch(self) -> str:
        if self.largest_batch is None:
            return ""
        if not self.largest_was_done:
            return phrase(
                "said_try_batch_expected", "The largest batch that should fit: {batch}", batch=self.largest_batch
            )
        return phrase("said_try_batch", "The largest batch that fits: {batch}", batch=self.largest_batch)


def clock_text(seconds: float) -> str:
    """Hours, minutes and seconds: `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"


@event("table")
@dataclass(frozen=True)
class Table(Event):
    """A tool has found something: ranks and norms by block, or what a file says of itself."""

    name: str
    columns: Sequence[str]
    rows: Annotated[Sequence[Sequence[Any]], "a cell for each column; a phrase as its code, text and params"]

    def fitted(self) -> Table:
        rows = [row for row in self.rows if len(row) == len(self.columns)]
        return self if len(rows) == len(self.rows) else replace(self, rows=rows)

    def words(self) -> str:
        lines = [list(self.columns), *([_cell(value) for value in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=False)]
        shown = ("  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=False)) for line in lines)
        return "\n  ".join([f"{self.name}:", *(line.rstrip() for line in shown)])


LONGEST_CELL = 100  # characters


def _cell(kept: Any) -> str:
    value = from_plain(kept)
    text = f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"


@event("validation")
@dataclass(frozen=True)
class Validated(Event):
    """The run was measured on images that are not trained on."""

    step: int
    epoch: int
    loss: Annotated[float | None, "null if it is no number"]
    best_step: int | None
    best_loss: float | None

    def words(self) -> str:
        loss = f"{self.loss:.4f}" if self.loss is not None else phrase("not_a_number", "not a number")
        return phrase("said_validation", "Validation loss: {loss}, epoch {epoch}", loss=loss, epoch=self.epoch)


@event("state")
@dataclass(frozen=True)
class StateWritten(Event):
    """A state is written, from which the run can be resumed."""

    path: str
    step: int
    epoch: int

    def words(self) -> str:
        return phrase("said_state", "State: {path}", path=self.path)


@event("resumed")
@dataclass(frozen=True)
class Resumed(Event):
    """The run goes on; a reader forgets `progress`, `sample`, `saved`, `state` and `validation` of later steps."""

    step: int
    epoch: int
    path: Annotated[str, "of the state"]

    def words(self) -> str:
        return phrase("said_resumed", "Resumed after step {step} from {path}", step=self.step, path=self.path)


@event("learning_rate")
@dataclass(frozen=True)
class RateChanged(Event):
    """The rate was changed by hand; it holds from the next step on and is not forgotten on resuming."""

    step: int
    change: Annotated[str, "`x0.1` or the new rate"]
    factor: Annotated[float, "now on top of the schedule"] = field(metadata={OTHERWISE: 1.0})

    def words(self) -> str:
        return phrase("said_rate", "Learning rate: {change} from the next step on", change=self.change)


@event("rate_stage")
@dataclass(frozen=True)
class RateStage(Event):
    """A stage of the learning rate begins, of a schedule in stages; told at the start too."""

    step: int
    stage: Annotated[int, "from 1"]
    stages: int
    value: Annotated[float, "its rate, or its factor"]
    pressed: Annotated[bool, "by a request"] = False

    def words(self) -> str:
        return phrase(
            "said_rate_stage", "Stage {stage} of {stages} of the learning rate: {value}",
            stage=self.stage, stages=self.stages, value=f"{self.value:g}",
        )


@event("ack")
@dataclass(frozen=True)
class Acknowledged(Event):
    """A request has been taken."""

    request: str
    step: int
    value: Annotated[str, "where it carried one"] = ""

    def words(self) -> str:
        return phrase("said_request", "Request received: {request}", request=self.request)


@dataclass(frozen=True)
class ProblemEvent(Event):
    """A problem is told: its code, its English text, and the parameters in it."""

    code: Annotated[str, "translations are by it"] = field(metadata={OTHERWISE: "unknown"})
    text: Annotated[str, "English"]
    params: Annotated[
        Mapping[str, Any], "what the text was filled in with; words among it are again `code`, `text` and `params`"
    ]

    @property
    def problem(self) -> Problem:
        """The problem as it was before it was sent."""
        return Problem(self.code, self.text, {name: from_plain(value) for name, value in self.params.items()})

    def words(self) -> str:
        return Phrase(self.text, f"message.{self.code}", self.problem.params)


@event("notice")
@dataclass(frozen=True)
class NoticeEvent(ProblemEvent):
    """Something is good to know."""


@event("warning")
@dataclass(frozen=True)
class WarningEvent(ProblemEvent):
    """Something is odd."""

    def words(self) -> str:
        return phrase("said_warning", "Warning: {text}", text=super().words())


@event("error")
@dataclass(frozen=True)
class ErrorEvent(ProblemEvent):
    """Something ends the run."""

    def words(self) -> str:
        return phrase("said_error", "Error: {text}", text=super().words())


@dataclass(frozen=True)
class Conclusion:
    """Conclusion of the validation: where it was lowest, and the file nearest to that."""

    best_epoch: int
    best_step: int
    best_loss: float
    overfitted: bool
    nearest: str | None


@event("finished")
@dataclass(frozen=True)
class Finished(Event):
    """The job has ended by itself; this is its last line."""

    status: Annotated[EndStatus, "`completed`, `stopped`, `paused`, `failed`"] = field(metadata={OTHERWISE: "failed"})
    path: Annotated[str | None, "of the result"]
    step: int | None
    validation: Annotated[
        Conclusion | None,
        "after validations: `best_epoch`, `best_step`, `best_loss`, `overfitted`, `nearest` (a file)",
    ] = None
