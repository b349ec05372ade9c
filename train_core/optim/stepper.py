"""Backward and step: accumulation, loss scaling for fp16, and clipping, hidden behind two calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from train_core.optim.schedule import Schedule


class Stepper:
    """Gathers the gradients of several batches and then moves the parameters once."""

    def __init__(
        self, accelerator: Accelerator, model: nn.Module, optimizer: torch.optim.Optimizer, schedule: Schedule,
        max_grad_norm: float, fp16: bool,
    ) -> None:
        self.accelerator = accelerator
        self.model = model
        self.optimizer = optimizer
        self.schedule = schedule
        self.max_grad_norm = max_grad_norm
        self.scaler = torch.amp.GradScaler(accelerator.device.type, enabled=fp16)
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]

    @contextmanager
    def gathering(self, last: bool) -> Iterator[None]:
        """Around forward and backward of one batch: processes exchange gradients only after the `last` one."""
        if last:
            yield
        else:
            with self.accelerator.no_sync(self.model):
                yield

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of `loss`, already divided by the number of batches in this step."""
        self.scaler.scale(loss).backward()

    def step(self, step: int) -> None:
        """Move the parameters with the rates of optimizer step `step`, counted from 0, and forget the gradients."""
        self.schedule.set_for(step)
        if self.max_grad_norm > 0:
            self.scaler.unscale_(self.optimizer)
            torch.nn.utils.clip_grad_norm_(self.parameters, self.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
