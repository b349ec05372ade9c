"""Learning rates over a run, part by part, as they will be: for the eye, before the run starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train_core.config.checks.consistency import learning_rates
from train_core.config.checks.optimizer import optimizer_contradictions
from train_core.config.jobs.train import TrainConfig
from train_core.config.syntax.optimizer_traits import adapts_rate, has_relative_steps
from train_core.facts.run.schedules import Curve, curve_of, rate_at, steps_in

POINTS = 160
Point = tuple[int, float]


@dataclass(frozen=True)
class RateCurve:
    """The rate of some parts of the model, which all have the same: (step from 0, rate), the first and last included.

    `of_found` says that the optimizer multiplies it by a rate that it finds itself.
    """

    parts: tuple[str, ...]
    points: tuple[Point, ...]
    of_found: bool = False

    @property
    def peak(self) -> float:
        """The highest rate."""
        return max(rate for _, rate in self.points)


def rate_curves(
    config: TrainConfig, total: int, denoiser: str = "unet", text_parts: Sequence[str] = ("text_encoder",)
) -> tuple[RateCurve, ...]:
    """The curve of each part that trains, over `total` steps; parts with the same rates share one.

    None for an optimizer that uses no rate, and none where the settings contradict each other, which checks report.
    """
    rates = learning_rates(config, denoiser, text_parts)
    if total < 1 or has_relative_steps(config.optimizer) or optimizer_contradictions(config, rates):
        return ()
    curve = curve_of(config.optimizer, total)
    end = _text_end(config, total)
    grouped: dict[tuple[float, int], list[str]] = {}
    for part, rate in rates.items():
        grouped.setdefault((rate, total if part == denoiser else end), []).append(part)
    return tuple(
        RateCurve(tuple(parts), _points(curve, rate, end), adapts_rate(config.optimizer.optimizer_type))
        for (rate, end), parts in grouped.items()
    )


def _text_end(config: TrainConfig, total: int) -> int:
    """The step from which text encoders no longer learn."""
    values: Mapping[str, object] = config.applicable()
    until = str(values.get("stop_text_encoder_training", "")).strip()
    return steps_in(until, total) if until else total


def _points(curve: Curve, base: float, end: int) -> tuple[Point, ...]:
    """Points close enough for a small plot, with those where the curve has corners; 0 from `end` on."""
    last = curve.total - 1
    steps = {round(last * place / (POINTS - 1)) for place in range(POINTS)}
    corners = [curve.warmup, curve.total - curve.decay, end, *(stage.until or 0 for stage in curve.stages)]
    steps |= {step for corner in corners for step in (corner - 1, corner) if 0 <= step <= last}
    return tuple((step, rate_at(curve, base, step) if step < end else 0.0) for step in sorted(steps))
