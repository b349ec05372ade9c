"""DyLoRA (Valipour et al., 2022): a LoRA whose first ranks work without the others, so that it can be cut later."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from train_core.models.convolution import conv2d
from train_core.networks.algorithms.lora import LoraLayer


class DyLoraLayer(LoraLayer):
    """Each step uses the ranks up to a drawn one and trains only the last `unit` of them.

    The output is then scaled by √(rank / ranks in use). Trained, it is a LoRA of all its ranks, and its files are those
    of one.
    """

    def output(self, x: Tensor) -> Tensor:
        return self.base_forward(x) + self.added(x) if self.training else super().output(x)

    def added(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().added(x)
        unit, rank = self.options.unit, self.rank
        start = unit * self.draws.choice(self, "ranks", -(-rank // unit))
        used = min(start + unit, rank)
        down = torch.cat([self.lora_down[:start].detach(), self.lora_down[start:used]])
        up = torch.cat([self.lora_up[:, :start].detach(), self.lora_up[:, start:used]], dim=1)
        return self._product(x, down.to(x.dtype), up.to(x.dtype)) * (self.scale * math.sqrt(rank / used))

    def _product(self, x: Tensor, down: Tensor, up: Tensor) -> Tensor:
        if not self.conv:
            return F.linear(F.linear(x, down), up)
        stride, padding, dilation = self.base.stride, self.base.padding, self.base.dilation  # type: ignore[union-attr]
        return F.conv2d(conv2d(x, down, None, stride, padding, dilation), up)  # type: ignore[arg-type]
