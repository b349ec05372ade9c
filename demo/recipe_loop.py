"""Common parts of the recipe's two trainings: a budget in wall-clock time, schedule, averaging, checkpoints."""

import copy
import math
import time
from pathlib import Path

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

WARMUP = 0.02  # share of the budget


class Budget:
    """Progress in wall-clock time: a shared computer's speed varies, the time at which the base is wanted does not."""

    def __init__(self, minutes: float) -> None:
        self.total = minutes * 60
        self.spent = 0.0
        self._last = time.monotonic()

    def tick(self) -> float:
        """Count the time since the last tick (at most a minute: sleeping is not training); return progress, 0 to 1."""
        now = time.monotonic()
        self.spent += min(now - self._last, 60.0)
        self._last = now
        return min(self.spent / self.total, 1.0)


def cosine_rate(progress: float) -> float:
    """Learning-rate factor, 0 to 1: linear warm-up, then half a cosine down to zero (Loshchilov and Hutter, 2017)."""
    if progress < WARMUP:
        return (progress + 1e-3) / (WARMUP + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (progress - WARMUP) / (1 - WARMUP)))


def start_residuals_at_zero(module: nn.Module) -> None:
    """Make every residual block the identity at first: deep narrow networks start learning far sooner (Fixup, 2019)."""
    for block in module.modules():
        if isinstance(block, ResnetBlock2D):
            nn.init.zeros_(block.conv2.weight)


class Training:
    """A module, its optimizer, its moving average and its budget; saved to and resumed from one file."""

    def __init__(self, module: nn.Module, rate: float, minutes: float, path: Path) -> None:
        self.module, self.rate, self.path = module, rate, path
        self.optimizer = torch.optim.AdamW(module.parameters(), lr=rate, betas=(0.9, 0.98), fused=True)
        self.average = copy.deepcopy(module).requires_grad_(False)
        self.budget, self.step, self.progress = Budget(minutes), 0, 0.0
        if path.exists():
            self._resume()

    def update(self, loss: torch.Tensor) -> None:
        """One optimizer step on ``loss`` (a scalar), with clipping; the average follows."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * cosine_rate(self.progress)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.progress = self.budget.tick()
        self._follow(min(0.998, (1 + self.step) / (20 + self.step)))

    @torch.no_grad()
    def _follow(self, decay: float) -> None:
        # Embedding tables mostly stand still, yet averaging them costs little beside a step.
        averages, values = list(self.average.parameters()), list(self.module.parameters())
        torch._foreach_lerp_(averages, values, 1 - decay)

    def save(self) -> None:
        """Write everything needed to go on, to a temporary name first."""
        state = {
            "module": self.module.state_dict(), "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(), "spent": self.budget.spent, "step": self.step,
        }
        temporary = self.path.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.path)

    def _resume(self) -> None:
        state = torch.load(self.path, weights_only=True)
        self.module.load_state_dict(state["module"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.budget.spent, self.step = state["spent"], state["step"]
        self.progress = self.budget.tick()
