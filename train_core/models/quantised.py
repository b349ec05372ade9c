"""Frozen weights in fewer bits, or away from the card, restored wherever they are used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from train_core.config.sections.memory import BasePrecision
from train_core.models.family import Target
from train_core.models.number_formats import FORMATS, Format, Packed


class Held(nn.Module):
    """Replacement of a layer whose weight is stored in another way. It has no `weight`, only its packed form."""

    held_format: Format
    held_shape: torch.Size
    away: Packed | None  # on the CPU, wherever the layer is

    def packed_on(self, device: torch.device) -> Packed:
        """The kept tensors, on `device`."""
        if self.away is None:
            return {name.removeprefix("held_"): buffer for name, buffer in self.named_buffers(recurse=False)}
        return {name: tensor.to(device, non_blocking=True) for name, tensor in self.away.items()}

    def full_weight(self, like: Tensor) -> Tensor:
        """The weight in the dtype and on the device of `like`: made for this use, and to be forgotten after it."""
        return self.held_format.unpack(self.packed_on(like.device), self.held_shape, like.dtype)


class HeldLinear(Held, nn.Linear):
    """A linear layer that is `Held`."""

    def forward(self, input: Tensor) -> Tensor:
        return _HeldLinear.apply(input, self)


class HeldConv2d(Held, nn.Conv2d):
    """A convolution that is `Held`."""

    def forward(self, input: Tensor) -> Tensor:
        return _HeldConv2d.apply(input, self)


class _HeldLinear(torch.autograd.Function):
    """x Wᵀ + bias. Autograd's own would keep the whole weight for the backward pass; here it is made anew there."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: HeldLinear) -> Tensor:
        ctx.layer = layer
        return layer.held_format.linear(x, layer.packed_on(x.device), layer.held_shape, layer.bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        layer = ctx.layer
        return layer.held_format.linear_backward(grad, layer.packed_on(grad.device), layer.held_shape), None


class _HeldConv2d(torch.autograd.Function):
    """The same for a convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: HeldConv2d) -> Tensor:
        ctx.layer, ctx.shape = layer, x.shape
        return F.conv2d(x, layer.full_weight(x), layer.bias, *_geometry(layer))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        weight = ctx.layer.full_weight(grad)
        return conv2d_input(ctx.shape, weight, grad, *_geometry(ctx.layer)), None


def _geometry(layer: nn.Conv2d) -> tuple[Any, ...]:
    return layer.stride, layer.padding, layer.dilation, layer.groups


def weight_of(layer: nn.Linear | nn.Conv2d, like: Tensor) -> Tensor:
    """The frozen weight of `layer`, for use with `like`."""
    return layer.full_weight(like) if isinstance(layer, Held) else layer.weight


def shape_of(layer: nn.Linear | nn.Conv2d) -> torch.Size:
    """The shape of the frozen weight of `layer`."""
    return layer.held_shape if isinstance(layer, Held) else layer.weight.shape


def device_of(layer: nn.Linear | nn.Conv2d) -> torch.device:
    """Device that `layer` calculates on."""
    if not isinstance(layer, Held):
        return layer.weight.device
    here = next((tensor for tensor in (*layer.buffers(), *layer.parameters())), None)
    return torch.device("cpu") if here is None else here.device


def hold(layer: nn.Linear | nn.Conv2d, precision: BasePrecision, away: bool, device: torch.device | str) -> None:
    """Have the frozen `layer` keep its weight in `precision`, `away` on the CPU or else on `device`."""
    held_format = FORMATS[precision]
    weight = layer.weight.detach()
    packed = held_format.pack(weight.to(device) if not away else weight)
    layer.held_shape, layer.held_format, layer.away = weight.shape, held_format, None  # type: ignore[assignment]
    del layer.weight
    layer.__class__ = HeldConv2d if isinstance(layer, nn.Conv2d) else HeldLinear
    if away:
        pinned = torch.cuda.is_available()  # copied to the card while the card goes on calculating
        layer.away = {  # type: ignore[assignment]
            name: tensor.cpu().pin_memory() if pinned else tensor.cpu() for name, tensor in packed.items()
        }
        return
    for name, tensor in packed.items():
        layer.register_buffer(f"held_{name}", tensor)


def heaviest_blocks(targets: Iterable[Target], count: int) -> set[int]:
    """The `count` blocks of the denoiser whose layers have the most weights."""
    weights: Counter[int] = Counter()
    for target in targets:
        if target.in_denoiser:
            weights[target.block] += target.module.weight.numel()
    return {block for block, _ in weights.most_common(count)}
