"""A moving average of the trained parameters, which is often better than the parameters themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Ema:
    """average = decay · average + (1 - decay) · parameters, after every step.

    Averages are in fp32. Early on less is kept, (1 + step) / (10 + step), so that a short run's average is not that of
    its start.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float) -> None:
        self.parameters: list[Tensor] = list(parameters)
        self.decay = decay
        self.steps = 0
        self.averages: list[Tensor] = [p.detach().to(torch.float32, copy=True) for p in self.parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters as they are after a step into the average."""
        self.steps += 1
        kept = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averages, [p.float() for p in self.parameters], 1.0 - kept)

    @torch.no_grad()
    def copy_to_parameters(self) -> None:
        """Give the parameters the values of the average."""
        torch._foreach_copy_(self.parameters, self.averages)

    def state_dict(self) -> dict[str, Any]:
        """Steps taken and the averages, in the order of the parameters."""
        return {"steps": self.steps, "averages": self.averages}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`. ValueError if it is of other parameters."""
        if [a.shape for a in state["averages"]] != [a.shape for a in self.averages]:
            raise ValueError("The saved moving average is of other parameters than these.")
        self.steps = state["steps"]
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)
