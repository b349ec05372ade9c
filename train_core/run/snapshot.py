"""The state of what is trained, kept in memory to go back to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from train_core.optim.stepper import Stepper


@dataclass
class Snapshot:
    """Weights and the stepper's state after `step`, on the CPU, and the smoothed loss at that time."""

    step: int
    mean: float
    weights: list[Tensor]
    stepper: dict[str, Any]

    @classmethod
    def take(cls, step: int, mean: float, stepper: Stepper) -> Snapshot:
        """A copy of how things are now."""
        return cls(step, mean, [copied(p.detach()) for p in stepper.parameters], copied(stepper.state_dict()))

    @torch.no_grad()
    def restore(self, stepper: Stepper) -> None:
        """Bring weights, optimizer and averages back, but not the place in the schedule. May be done again."""
        for parameter, weight in zip(stepper.parameters, self.weights, strict=True):
            parameter.copy_(weight)
        now = {"rate_factor": stepper.schedule.factor, "next_step": stepper.next_step}
        stepper.load_state_dict(copied(self.stepper) | now)


def copied(value: Any) -> Any:
    """`value` with copies on the CPU of all tensors in its dictionaries and lists."""
    if isinstance(value, Tensor):
        return value.to("cpu", copy=True)
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(copied(item) for item in value)
    return value
