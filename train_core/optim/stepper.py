"""Backward and step: accumulation, loss scaling, clipping and averages, hidden behind a few calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train_core.data.processes import gather
from train_core.models.sharding import Shares
from train_core.optim.ema import Ema
from train_core.optim.exact import restore_optimizer
from train_core.optim.fused import FusedOptimizer
from train_core.optim.gradients import gradients_of, is_finite, norm_of, reads_at_once, zero_unless_finite
from train_core.optim.half import in_fp32
from train_core.optim.optimizers import averages_itself
from train_core.optim.schedule import Schedule


class Stepper:
    """Gathers the gradients of several batches and then moves the parameters once.

    `ema_decay` above 0 keeps a moving average of the parameters, see `inference`. With `shares` the parameters are this
    process's shares of the weights, and so are their gradients, averages and what the optimizer knows of them.
    """

    def __init__(
        self, accelerator: Accelerator, model: nn.Module, optimizer: torch.optim.Optimizer | FusedOptimizer,
        schedule: Schedule, max_grad_norm: float, fp16: bool, ema_decay: float = 0.0, max_grad_value: float = 0.0,
        shares: Shares | None = None,
    ) -> None:
        self.accelerator = accelerator
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.max_grad_norm = max_grad_norm
        self.max_grad_value = max_grad_value
        self.shares = shares
        self.scaler = torch.amp.GradScaler(accelerator.device.type, enabled=fp16)
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.ema = Ema(self.parameters, ema_decay) if ema_decay else None
        self._averages_itself = averages_itself(optimizer)
        self._inferring = False
        self.reads_at_once = reads_at_once(accelerator.device)
        self.next_step = 0
        self.norm: Tensor | None = None  # of the last step's gradients, on their device

    @contextmanager
    def gathering(self, last: bool) -> Iterator[None]:
        """Around forward and backward of one batch: processes exchange gradients only after the `last` one."""
        if isinstance(self.optimizer, FusedOptimizer):
            self.schedule.set_for(self.next_step)  # it steps within the backward pass
            self.optimizer.number = self.next_step
        if last:
            yield
        else:
            with self.accelerator.no_sync(self.model):
                yield

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of `loss`, already divided by the number of batches in this step."""
        self.scaler.scale(loss).backward()

    def step(self, step: int) -> Tensor:
        """Move the parameters with the rates of optimizer step `step`, counted from 0, and forget the gradients.

        Returns the norm of the gradients, a scalar left on its device. Where it is not finite the step is left out;
        on a device that would have to be waited for, the gradients count as 0 instead. With `fused_backward_pass` both
        concern only the parameters whose own gradients are not finite.
        """
        self.schedule.set_for(step)
        stepped = isinstance(self.optimizer, FusedOptimizer)  # each parameter by itself: never all of them in fp32
        with in_fp32([] if stepped else self.parameters, step):
            norm = self._clipped()
            moves = self.scaler.is_enabled() or not self.reads_at_once or is_finite(norm)
            if moves:  # where losses are scaled, the scaler leaves out what has overflowed
                self.scaler.step(self.optimizer)  # type: ignore[arg-type]
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.next_step = step + 1
        if self.ema and moves:
            self.ema.update()
        self.norm = norm
        return norm

    def _clipped(self) -> Tensor:
        """Clip the gradients, and keep from the parameters what is not finite; returns the norm before that."""
        if isinstance(self.optimizer, FusedOptimizer):
            return self.optimizer.take_norm()
        self.scaler.unscale_(self.optimizer)
        gradients = gradients_of(self.parameters)
        norm = norm_of(gradients)
        if self.shares is not None:
            norm = self.shares.norm(norm.to(self.accelerator.device))
        if self.max_grad_value > 0:
            torch.nn.utils.clip_grad_value_(self.parameters, self.max_grad_value)
        if self.max_grad_norm > 0:
            torch.nn.utils.clip_grads_with_norm_(self.parameters, self.max_grad_norm, norm)
        if not self.reads_at_once and not self.scaler.is_enabled():
            zero_unless_finite(norm, gradients)
        return norm

    def has_numbers(self) -> bool:
        """Whether all parameters are finite; with `shares` those of all processes, which have to ask together."""
        finite = all(bool(torch.isfinite(p).all()) for p in self.parameters)
        return finite if self.shares is None else all(gather(finite))

    def overflows_by_scaling(self) -> bool:
        """Whether losses are scaled up, so that gradients that are not finite are a matter of the scale.

        The scale is halved after each; once it is 1 or less, they are not finite of themselves.
        """
        return self.scaler.is_enabled() and self.scaler.get_scale() > 1

    def skip(self, step: int) -> None:
        """Skip optimizer step `step` without moving anything: forget the gradients."""
        self.optimizer.zero_grad(set_to_none=True)
        self.next_step = step + 1

    @contextmanager
    def inference(self) -> Iterator[None]:
        """Context in which parameters are those to save, show and validate: the moving or the optimizer's own average.

        Afterwards they are what they were, to the bit. May be nested. `state_dict` is for outside.
        """
        if self._inferring or not (self.ema or self._averages_itself):
            yield
            return
        self._inferring = True
        try:
            with self.ema.in_place() if self.ema else self._own_average():
                yield
        finally:
            self._inferring = False

    @contextmanager
    def _own_average(self) -> Iterator[None]:
        """Context in which the parameters are the optimizer's own average, which cannot be taken back to the bit."""
        kept = [p.detach().clone() for p in self.parameters]
        with in_fp32(self.parameters, self.next_step):
            self.optimizer.eval()  # type: ignore[union-attr]
        try:
            yield
        finally:
            with in_fp32(self.parameters, self.next_step):
                self.optimizer.train()  # type: ignore[union-attr]
            with torch.no_grad():
                torch._foreach_copy_(self.parameters, kept)

    def state_dict(self) -> dict[str, Any]:
        """State besides the parameters that the next step depends on."""
        return {
            "optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None, "rate_factor": self.schedule.factor,
            "next_step": self.next_step,
            "stages": [[place, self.schedule.stages[place].value, end] for place, end in self.schedule.pressed.items()],
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state`. ValueError if it is of other parameters or another optimizer."""
        if isinstance(self.optimizer, FusedOptimizer):
            self.optimizer.load_state_dict(state["optimizer"])
        else:
            restore_optimizer(self.optimizer, state["optimizer"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        if self.ema and state["ema"]:
            self.ema.load_state_dict(state["ema"])
        self.schedule.factor = state["rate_factor"]
        self.next_step = state["next_step"]
        stages = self.schedule.stages  # which another text may have changed, where the rates may differ
        self.schedule.end_stages_at({
            place: end for place, value, end in state.get("stages", ())
            if place + 1 < len(stages) and stages[place].value == value
        })  # fmt: skip
