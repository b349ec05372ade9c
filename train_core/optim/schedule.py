"""The learning rate of each group at each optimizer step."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from train_core.facts.run.schedules import Curve, rate_at
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
