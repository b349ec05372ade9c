"""LoRA (Hu et al., 2021) for linear layers and convolutions: a frozen map plus a trained product of two small ones."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train_core.models.held import device_of, shape_of
from train_core.networks.layer import AdapterLayer, LayerOptions
from train_core.networks.low_rank import low_rank_linear


class LoraLayer(AdapterLayer):
    """output = base(x) + alpha / rank · up(drop(down(x))).

    `lora_down` is (rank, in) or (rank, in, kh, kw) with the frozen convolution's stride and padding, `lora_up` is
    (out, rank) or (out, rank, 1, 1). Down starts Kaiming-uniform with a = √5, up at zero, so that training starts from
    the frozen model. Both are fp32, and are cast to the frozen weight's dtype where they are used.
    """

    def __init__(self, base: nn.Linear | nn.Conv2d, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options)
        self.conv = isinstance(base, nn.Conv2d)
        self.pointwise = not self.conv or is_pointwise(base)
        out_features, in_features, *kernel = shape_of(base)
        down = torch.empty(options.rank, in_features, *kernel)
        nn.init.kaiming_uniform_(down, a=math.sqrt(5), generator=generator)
        up = torch.zeros(out_features, options.rank, *(1 for _ in kernel))
        self.lora_down = nn.Parameter(down.to(device_of(base)))
        self.lora_up = nn.Parameter(up.to(device_of(base)))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.options.random:
            return self._with_dropout(x)
        if not self.pointwise:
            return self.base_forward(x) + self._up(self._down(x)) * self.scale
        if not self.conv:
            return low_rank_linear(x, self.base, self.lora_down, self.lora_up, self.scale)
        down, up = self.lora_down.flatten(1), self.lora_up.flatten(1)
        y = low_rank_linear(x.movedim(1, -1), self.base, down, up, self.scale).movedim(-1, 1)
        return y.contiguous(memory_format=memory_format(x))

    def _with_dropout(self, x: Tensor) -> Tensor:
        # A layer that is left out still gets gradients, of zero: distributed training waits for every parameter.
        scale = 0.0 if self.draws.skips(self.name, self.options.module_dropout) else self.scale
        return self.base_forward(x) + self._up(self._drop(self._down(x))) * scale

    def _down(self, x: Tensor) -> Tensor:
        weight = self.lora_down.to(x.dtype)
        if isinstance(self.base, nn.Conv2d):
            return F.conv2d(x, weight, None, self.base.stride, self.base.padding, self.base.dilation)  # type: ignore[arg-type]
        return F.linear(x, weight)

    def _up(self, h: Tensor) -> Tensor:
        weight = self.lora_up.to(h.dtype)
        return F.conv2d(h, weight) if self.conv else F.linear(h, weight)

    def _drop(self, h: Tensor) -> Tensor:
        """Neuron dropout on every value of `h`, rank dropout on whole ranks of a sample."""
        options = self.options
        if options.dropout:
            h = h * self.draws.mask(f"{self.name} dropout", h.shape, options.dropout, h.device).to(h.dtype)
        if options.rank_dropout:
            shape = torch.Size((h.shape[0], options.rank))
            ranks = self.draws.mask(f"{self.name} rank dropout", shape, options.rank_dropout, h.device).to(h.dtype)
            h = h * (ranks[:, :, None, None] if self.conv else ranks.view(h.shape[0], *[1] * (h.dim() - 2), -1))
        return h

    @torch.no_grad()
    def delta(self) -> Tensor:
        product = self.lora_up.flatten(1).float() @ self.lora_down.flatten(1).float()
        return (product * self.scale).view(shape_of(self.base))

    def tensors(self) -> dict[str, Tensor]:
        return {
            "lora_down.weight": self.lora_down.detach(),
            "lora_up.weight": self.lora_up.detach(),
            "alpha": self.alpha_tensor(),
        }

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        self.lora_down.copy_(tensors["lora_down.weight"])
        self.lora_up.copy_(tensors["lora_up.weight"])
        self.alpha = float(tensors.get("alpha", 0)) or float(self.options.rank)


def is_pointwise(module: nn.Module) -> bool:
    """Whether a module maps each place by itself: a linear layer, or a 1x1 convolution without stride and padding."""
    if not isinstance(module, nn.Conv2d):
        return True
    return module.kernel_size == (1, 1) and module.stride == (1, 1) and module.padding in ((0, 0), "valid")


def memory_format(x: Tensor) -> torch.memory_format:
    """The layout of a tensor (B, C, H, W); keeping to it spares the layers that follow a copy each."""
    return torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
