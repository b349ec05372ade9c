"""The learning rate of each group at each optimizer step."""

from __future__ import annotations

import torch

from train_core.config.sections.optimizer import OptimizerSettings
from train_core.facts.schedules import POLYNOMIAL_END_RATE, learning_rate_factor, warmup_steps


class Schedule:
    """Sets every group's rate to its base rate times the schedule's factor. Counts optimizer steps."""

    def __init__(self, optimizer: torch.optim.Optimizer, settings: OptimizerSettings, total_steps: int) -> None:
        self.optimizer = optimizer
        self.settings = settings
        self.total_steps = total_steps
        # A group without a rate belongs to an optimizer that finds its own.
        self.base_rates = [group["lr"] for group in optimizer.param_groups]
        warms_up = settings.lr_scheduler != "constant"
        self.warmup = warmup_steps(settings.lr_warmup_steps, total_steps) if warms_up else 0

    def rate(self, base: float, step: int) -> float:
        """The learning rate at optimizer step `step`, counted from 0, of a group whose base rate is `base`."""
        s = self.settings
        return base * learning_rate_factor(
            s.lr_scheduler, step, self.total_steps, self.warmup, cycles=s.lr_scheduler_num_cycles,
            power=s.lr_scheduler_power, end=POLYNOMIAL_END_RATE / base if base else 0.0,
        )

    def set_for(self, step: int) -> None:
        """Give each group the rate of optimizer step `step`."""
        for group, base in zip(self.optimizer.param_groups, self.base_rates, strict=True):
            if base is not None:
                group["lr"] = self.rate(base, step)


def current_rates(optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Each group's rate by its name; with D-Adaptation also `d*lr`, the rate that it really uses."""
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        rate = group.get("lr")
        if rate is not None:
            rates[group["name"]] = float(rate)
            if "d" in group:
                rates["d*lr"] = float(group["d"]) * float(rate)
    return rates
