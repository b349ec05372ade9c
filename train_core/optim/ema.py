"""A moving average of the trained parameters, which is often better than the parameters themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

PORTION = 1 << 26  # numbers that are turned into fp32 at a time


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
        for some in _portions(self.parameters):
            torch._foreach_lerp_(self.averages[some], [p.float() for p in self.parameters[some]], 1.0 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Context in which the parameters have the values of the average; afterwards they are what they were.

        Meanwhile averages in the parameters' format hold the parameters, so that no third copy is in memory.
        """
        kept = [None if p.dtype == a.dtype else p.detach().clone() for p, a in self._pairs()]
        self._exchange(kept, give=True)
        try:
            yield
        finally:
            self._exchange(kept, give=False)

    @torch.no_grad()
    def _exchange(self, kept: Sequence[Tensor | None], give: bool) -> None:
        """Swap each parameter with its average; one that is `kept` is given the average, or gets back what it was."""
        for (parameter, average), own in zip(self._pairs(), kept, strict=True):
            if own is not None:
                parameter.copy_(average if give else own)
                continue
            before = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(before)

    def _pairs(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(self.parameters, self.averages, strict=True)

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


def _portions(tensors: Sequence[Tensor]) -> Iterator[slice]:
    """Stretches of `tensors` with some `PORTION` of numbers each."""
    start, count = 0, 0
    for end, tensor in enumerate(tensors, 1):
        count += tensor.numel()
        if count >= PORTION or end == len(tensors):
            yield slice(start, end)
            start, count = end, 0
