"""Stepping within the backward pass: no gradient outlives the moment in which it is whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from train_core.optim.exact import restore_optimizer
from train_core.optim.gradients import is_finite, reads_at_once, zero_unless_finite
from train_core.optim.half import in_fp32

Groups = list[dict[str, Any]]


class FusedOptimizer:
    """One optimizer for each parameter, stepped as soon as that parameter's gradient is there.

    It looks like one optimizer with a group for each parameter. The rates, and the `number` of the step, have to be
    set before the backward pass. `norms` are those of the gradients since they were last taken.
    """

    def __init__(self, build: Callable[[Groups], torch.optim.Optimizer], groups: Groups) -> None:
        self.optimizers: list[torch.optim.Optimizer] = []
        self.number = 0
        self.norms: list[Tensor] = []
        for group in groups:
            for parameter in group["params"]:
                optimizer = build([{**group, "params": [parameter]}])
                step_one = partial(self._step_one, optimizer, len(self.optimizers))
                self.optimizers.append(optimizer)
                parameter.register_post_accumulate_grad_hook(step_one)

    def _step_one(self, optimizer: torch.optim.Optimizer, place: int, parameter: nn.Parameter) -> None:
        """Step with the parameter's gradient. Where that is not finite, the parameter stays as it is."""
        gradient = parameter.grad
        assert gradient is not None
        norm = torch.linalg.vector_norm(gradient, dtype=torch.float32)
        self.norms.append(norm)
        if not reads_at_once(norm.device):
            zero_unless_finite(norm, [gradient])
        elif not is_finite(norm):
            optimizer.zero_grad(set_to_none=True)
            return
        with in_fp32([parameter], self.number, first=place):
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    def take_norm(self) -> Tensor:
        """The norm of all gradients since it was last taken."""
        norms, self.norms = self.norms, []
        return torch.stack(norms).norm() if norms else torch.zeros(())

    @property
    def param_groups(self) -> Groups:
        """The groups of all optimizers."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    @property
    def state(self) -> Mapping[Tensor, Any]:
        """The state of each parameter."""
        return {parameter: held for optimizer in self.optimizers for parameter, held in optimizer.state.items()}

    def step(self) -> None:
        """Do nothing: all is done by the end of the backward pass."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Do nothing: no gradient is left after the backward pass."""

    def train(self) -> None:
        """Go on training after `eval`, where the optimizers know the difference."""
        for optimizer in self.optimizers:
            optimizer.train()  # type: ignore[attr-defined]

    def eval(self) -> None:
        """Give the parameters the optimizers' averages, where they keep some."""
        for optimizer in self.optimizers:
            optimizer.eval()  # type: ignore[attr-defined]

    def state_dict(self) -> dict[str, Any]:
        """The states of all optimizers, in the order of the parameters."""
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`. ValueError if it is of other parameters."""
        for optimizer, its_state in zip(self.optimizers, state["optimizers"], strict=True):
            restore_optimizer(optimizer, its_state)

