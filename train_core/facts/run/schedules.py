"""Learning-rate schedules as plain functions, equal to those of diffusers and transformers by the same names."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.syntax.arguments import parse_arguments
from train_core.config.syntax.optimizer_traits import schedule_in_use
from train_core.config.syntax.stages import Stage, parse_stages

POLYNOMIAL_END_RATE = 1e-7  # where diffusers' polynomial schedule stays
INVERSE_SQRT_TIMESCALE = 10_000  # transformers', where there is no warm-up to take it from


@dataclass(frozen=True)
class Curve:
    """A schedule and all that shapes it. Steps are optimizer steps, whatever the number of processes.

    `floor` is the lowest share of the base rate, `floor_rate` the lowest rate itself, `decay` the length of the last
    part of warmup_stable_decay. The values of `stages` are shares of the base rate, those of "staged" after division
    by `stage_base`, so that every group keeps its proportion to the learning rate.
    """

    name: str
    total: int
    warmup: int = 0
    cycles: int = 1
    power: float = 1.0
    decay: int = 0
    timescale: int | None = None
    floor: float = 0.0
    floor_rate: float | None = None
    warmup_type: str = "linear"
    decay_type: str = "cosine"
    stages: tuple[Stage, ...] = ()
    stage_base: float = 1.0


def curve_of(settings: OptimizerSettings, total: int) -> Curve:
    """The schedule that `settings` ask for over `total` optimizer steps. Raises `UserError` for unreadable stages."""
    name = schedule_in_use(settings)
    arguments = parse_arguments(settings.lr_scheduler_args, "lr_scheduler_args")
    staged = name in {"staged", "piecewise_constant"}
    return Curve(
        name, total,
        warmup=0 if name in WITHOUT_WARMUP else steps_in(settings.lr_warmup_steps, total),
        cycles=settings.lr_scheduler_num_cycles, power=settings.lr_scheduler_power,
        decay=steps_in(settings.lr_decay_steps, total), timescale=settings.lr_scheduler_timescale or None,
        floor=settings.lr_scheduler_min_lr_ratio,
        floor_rate=arguments.get("lr_end", POLYNOMIAL_END_RATE) if name == "polynomial" else arguments.get("min_lr"),
        warmup_type=arguments.get("warmup_type", "linear"), decay_type=arguments.get("decay_type", "cosine"),
        stages=parse_stages(settings.lr_stages, "lr_stages") if staged else (),
        stage_base=settings.learning_rate if name == "staged" else 1.0,
    )  # fmt: skip


def steps_in(text: str, total: int) -> int:
    """Optimizer steps from a count ("100"), a share below one ("0.1") or a percentage ("10%") of `total`.

    Never more than `total`. Raises ValueError for anything else; settings check the form before.
    """
    text = text.strip()
    if text.endswith("%"):
        share = float(text[:-1]) / 100
    elif text.isdecimal():
        return min(int(text), total)
    else:
        share = float(text)
        if not 0 <= share < 1:
            raise ValueError(f"{text} is neither a whole number of steps nor a share below 1.")
    return min(int(total * share), total)


def rate_at(curve: Curve, base: float, step: int) -> float:
    """The learning rate at `step`, counted from 0, of a group whose base rate is `base`. KeyError: unknown name."""
    shape = SHAPES[curve.name]
    if base == 0:
        return 0.0
    if step < curve.warmup:
        return base * _warm_up(curve, step / curve.warmup)
    return base * shape(curve, base, step)


def _warm_up(curve: Curve, progress: float) -> float:
    if curve.name != "warmup_stable_decay":
        return progress
    return _above(curve.floor, {
        "linear": progress, "cosine": 0.5 * (1.0 - math.cos(math.pi * progress)),
        "1-sqrt": 1.0 - math.sqrt(1.0 - progress),
    }[curve.warmup_type])  # fmt: skip


def _above(floor: float, factor: float) -> float:
    """`factor`, of 0 to 1, squeezed into `floor` to 1."""
    return max(0.0, factor * (1.0 - floor) + floor)


def _progress(curve: Curve, step: int) -> float:
    """Share of the run after the warm-up that lies behind `step`, 0 to 1."""
    return min(1.0, (step - curve.warmup) / max(1, curve.total - curve.warmup))


def _constant(curve: Curve, base: float, step: int) -> float:
    return 1.0


def _linear(curve: Curve, base: float, step: int) -> float:
    return 1.0 - _progress(curve, step)


def _cosine(curve: Curve, base: float, step: int) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * _progress(curve, step)))


def _cosine_with_min_lr(curve: Curve, base: float, step: int) -> float:
    floor = curve.floor if curve.floor_rate is None else curve.floor_rate / base
    return _above(floor, 0.5 * (1.0 + math.cos(math.pi * curve.cycles * _progress(curve, step))))


def _cosine_with_restarts(curve: Curve, base: float, step: int) -> float:
    progress = _progress(curve, step)
    if progress >= 1.0:
        return 0.0
    return 0.5 * (1.0 + math.cos(math.pi * ((curve.cycles * progress) % 1.0)))


def _polynomial(curve: Curve, base: float, step: int) -> float:
    end = (curve.floor_rate or 0.0) / base
    progress = _progress(curve, step)
    return end if progress >= 1.0 else (1.0 - end) * (1.0 - progress) ** curve.power + end


def _inverse_sqrt(curve: Curve, base: float, step: int) -> float:
    timescale = curve.timescale or curve.warmup or INVERSE_SQRT_TIMESCALE
    return 1.0 / math.sqrt((step + timescale - curve.warmup) / timescale)


def _warmup_stable_decay(curve: Curve, base: float, step: int) -> float:
    decay = min(curve.decay, curve.total - curve.warmup)
    begun = step - (curve.total - decay)
    if begun < 0:
        return 1.0
    if begun >= decay:
        return curve.floor
    progress = begun / decay
    return _above(curve.floor, {
        "linear": 1.0 - progress, "cosine": 0.5 * (1.0 + math.cos(math.pi * curve.cycles * progress)),
        "1-sqrt": 1.0 - math.sqrt(progress),
    }[curve.decay_type])  # fmt: skip


def _staged(curve: Curve, base: float, step: int) -> float:
    """The value of the stage that `step` lies in; after the last stage its value stays."""
    return curve.stages[stage_at(curve.stages, step)].value / curve.stage_base


def stage_at(stages: Sequence[Stage], step: int) -> int:
    """The place of the stage that `step` lies in, as far as is known; after the last one's end that stays."""
    open_ones = (place for place, stage in enumerate(stages) if stage.until is None or step < stage.until)
    return next(open_ones, len(stages) - 1)


SHAPES: dict[str, Callable[[Curve, float, int], float]] = {
    "constant": _constant,
    "constant_with_warmup": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_min_lr": _cosine_with_min_lr,
    "cosine_with_restarts": _cosine_with_restarts,
    "polynomial": _polynomial,
    "inverse_sqrt": _inverse_sqrt,
    "warmup_stable_decay": _warmup_stable_decay,
    "piecewise_constant": _staged,
    "staged": _staged,
}
WITHOUT_WARMUP = frozenset({"constant", "piecewise_constant", "staged"})
