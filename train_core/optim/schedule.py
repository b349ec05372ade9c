"""The learning rate of each group at each optimizer step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch

from train_core.config.syntax.stages import Stage
from train_core.facts.run.schedules import Curve, rate_at, stage_at
from train_core.optim.fused import FusedOptimizer


class Schedule:
    """Sets every group's rate to what `curve` makes of its base rate. Counts optimizer steps.

    `factor` is on top of all rates: 1 until someone changes the rate while the run goes on. `ends` are steps, by the
    names of groups, from which these have the rate 0.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer | FusedOptimizer, curve: Curve, ends: Mapping[str, int] | None = None
    ) -> None:
        self.optimizer = optimizer
        self.curve = curve
        # A group without a rate belongs to an optimizer that finds its own.
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        self.ends = [(ends or {}).get(group["name"], math.inf) for group in optimizer.param_groups]
        self.factor = 1.0
        self._pressed: dict[int, int] = {}

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the rate, with the steps at which they have ended or will; none of other schedules."""
        return self.curve.stages

    def end_stage(self, step: int) -> bool:
        """End the stage that `step` lies in there, so that the next one begins. False where none follows."""
        place = stage_at(self.stages, step) if self.stages else 0
        if place + 1 >= len(self.stages):
            return False
        self.end_stages_at({place: step})
        return True

    @property
    def pressed(self) -> dict[int, int]:
        """The steps at which stages have been ended by hand, by their place."""
        return dict(self._pressed)

    def end_stages_at(self, steps: Mapping[int, int]) -> None:
        """End stages by hand at `steps`, by their place."""
        self._pressed |= steps
        ends = (self._pressed.get(place, stage.until) for place, stage in enumerate(self.stages))
        stages = tuple(replace(stage, until=end) for stage, end in zip(self.stages, ends, strict=True))
        self.curve = replace(self.curve, stages=stages)

    def set_for(self, step: int) -> None:
        """Give each group the rate of optimizer step `step`, counted from 0."""
        for group, base, end in zip(self.optimizer.param_groups, self.base_rates, self.ends, strict=True):
            if base is not None:
                group["lr"] = rate_at(self.curve, base, step) * self.factor if step < end else 0.0


def current_rates(optimizer: torch.optim.Optimizer | FusedOptimizer) -> dict[str, float]:
    """Each group's rate by its name; with D-Adaptation and Prodigy also `d*lr`, the rate that they really use.

    Adafactor's rate with relative steps is that of the first parameter, before its scale.
    """
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        rate = group.get("lr")
        if group.get("relative_step"):
            rates[group["name"]] = _relative_rate(optimizer, group)
        elif rate is not None:
            rates[group["name"]] = float(rate)
            if "d" in group:
                rates["d*lr"] = float(group["d"]) * float(rate)
    return rates


def _relative_rate(optimizer: torch.optim.Optimizer | FusedOptimizer, group: dict) -> float:
    """Adafactor's min(least, 1 / √step) (Shazeer and Stern, 2018)."""
    step = optimizer.state.get(group["params"][0], {}).get("step", 0)
    least = 1e-6 * step if group["warmup_init"] else 1e-2
    return min(least, 1.0 / math.sqrt(step)) if step else 0.0
