"""The curves of a run, thinned so that the browser draws them at once, without losing their peaks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kohya_gui.runs.details.record import Record
from train_core.events.kinds import Progress

MOST_POINTS = 2_000
KEPT_OF_A_STRETCH = 4  # its first point, the lowest and the highest loss, and the longest gradient
OF_D = "d*lr"  # D-Adaptation's and Prodigy's rate, among the learning rates
Values = list[float | None]


@dataclass(frozen=True)
class Curve:
    """Values over steps; None where nothing is known. `parts` of a `kind` are told apart by `part`, such as "unet"."""

    kind: str
    part: str
    steps: list[int]
    values: Values


def curves_of(record: Record, limit: int = MOST_POINTS) -> list[Curve]:
    """All curves that the run has points of, each with at most `limit` (≥ 8); those of one report share their steps."""
    newest = {one.step: one for one in record.progress}
    reports = thinned([newest[step] for step in sorted(newest)], limit)
    steps = [one.step for one in reports]
    found = [Curve(kind, "", steps, [_short(of(one)) for one in reports]) for kind, of in MEASURED.items()]
    parts = dict.fromkeys(name for one in reports for name in one.lr)
    found += [
        Curve("d" if name == OF_D else "lr", name, steps, [_short(one.lr.get(name)) for one in reports])
        for name in parts
    ]
    found += [_by_epoch(record), _validation(record)]
    return [_ends(one, limit) for one in found if any(value is not None for value in one.values)]


def thinned(reports: Sequence[Progress], limit: int) -> list[Progress]:
    """At most `limit` (≥ 8) of `reports` in their order: of each stretch those that a chart of all would show."""
    if len(reports) <= limit:
        return list(reports)
    stretches = (limit - 1) // KEPT_OF_A_STRETCH
    kept = {len(reports) - 1}
    for number in range(stretches):
        stretch = range(number * len(reports) // stretches, (number + 1) * len(reports) // stretches)
        kept |= {
            stretch[0], min(stretch, key=lambda i: _or(reports[i].loss, math.inf)),
            max(stretch, key=lambda i: _or(reports[i].loss, -math.inf)),
            max(stretch, key=lambda i: _or(reports[i].grad_norm, -math.inf)),
        }  # fmt: skip
    return [reports[i] for i in sorted(kept)]


def _d(report: Progress) -> float | None:
    """The optimizer's own estimate d of the right rate, which is d*lr by the rate of the last part."""
    rates = [rate for name, rate in report.lr.items() if name != OF_D]
    product = report.lr.get(OF_D)
    return product / rates[-1] if product is not None and rates and rates[-1] else None


MEASURED: dict[str, Callable[[Progress], float | None]] = {
    "loss": lambda one: one.loss, "average": lambda one: one.average, "d": _d,
    "grad_norm": lambda one: one.grad_norm, "speed": lambda one: one.speed,
    "memory": lambda one: None if one.memory is None else one.memory / 2**30,
}  # fmt: skip


def _by_epoch(record: Record) -> Curve:
    """The mean loss at the end of each epoch."""
    last = {one.epoch: one for one in record.progress if one.epoch}
    ends = sorted(last.values(), key=lambda one: one.step)
    return Curve("epoch", "", [one.step for one in ends], [_short(one.average) for one in ends])


def _validation(record: Record) -> Curve:
    by_step = {one.step: one.loss for one in record.validations}
    return Curve("validation", "", sorted(by_step), [_short(by_step[step]) for step in sorted(by_step)])


def _ends(curve: Curve, limit: int) -> Curve:
    """`curve` with at most `limit` points, evenly spread; only epochs may be more."""
    every = -(-len(curve.steps) // limit)
    return curve if every == 1 else Curve(curve.kind, curve.part, curve.steps[::every], curve.values[::every])


def _short(value: float | None) -> float | None:
    """`value` with as many digits as a chart shows; None for what is no number."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.5g}")


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None or not math.isfinite(value) else value
