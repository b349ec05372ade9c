"""The table of a run's epochs: what was measured at the end of each, which files and pictures there are of it."""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kohya_gui.runs.details.files import RunFile
from kohya_gui.runs.details.record import Record, epochs_at
from train_core.events.kinds import Progress

COLUMNS = ("epoch", "step", "mean_loss", "validation_loss", "learning_rate", "file", "bytes", "sample")
OF_A_SHEET = ("=", "+", "-", "@", "\t", "\r")  # what begins with one of these is a formula for spreadsheets


@dataclass(frozen=True)
class Row:
    """The end of an epoch, or a step at which something was saved, drawn or measured.

    `loss` is the mean over the last epoch's worth of steps, `rates` are by part; None and empty are not known.
    """

    epoch: int
    step: int
    loss: float | None
    validation: float | None
    rates: Mapping[str, float]
    files: tuple[RunFile, ...]
    samples: tuple[Path, ...]


def rows_of(record: Record, files: Sequence[RunFile]) -> list[Row]:
    """The rows of a run in the order of their steps."""
    ends = {one.epoch: one.step for one in record.progress if one.epoch}
    results = [one for one in files if one.is_result]
    steps = {*ends.values(), *(one.step for one in results)}
    steps |= {one.step for one in record.samples} | {one.step for one in record.validations}
    progress = sorted(record.progress, key=lambda one: one.step)
    reported = [one.step for one in progress]
    epochs = epochs_at(record, steps)
    validations = {one.step: one.loss for one in record.validations}
    saved, drawn = defaultdict[int, list[RunFile]](list), defaultdict[int, list[Path]](list)
    for file in results:
        saved[file.step].append(file)
    for sample in record.samples:
        drawn[sample.step].append(Path(sample.path))
    found = []
    for step in sorted(steps):
        known = _latest(progress, reported, step)
        loss, rates = (known.average, known.lr) if known else (None, {})
        at_step = (tuple(saved[step]), tuple(drawn[step]))
        found.append(Row(epochs[step], step, loss, validations.get(step), rates, *at_step))
    return found


def csv_of(rows: Sequence[Row]) -> str:
    """The table as CSV with a line for each file, or one without where there is none."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        rates = " ".join(f"{name}={rate:g}" for name, rate in row.rates.items())
        samples = " ".join(path.name for path in row.samples)
        for file in row.files or (None,):
            writer.writerow([
                row.epoch or "", row.step, _number(row.loss), _number(row.validation), rates,
                _plain(file.name) if file else "", file.bytes if file else "", _plain(samples),
            ])  # fmt: skip
    return text.getvalue()


def _latest(progress: Sequence[Progress], reported: Sequence[int], step: int) -> Progress | None:
    """What was reported last by `step`."""
    place = bisect_right(reported, step)
    return progress[place - 1] if place else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(OF_A_SHEET) else text
