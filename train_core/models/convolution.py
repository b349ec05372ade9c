"""Convolutions whose weight gets the right gradient: PyTorch's own is not right for every shape."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Sides = tuple[int, int]


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: Sides, padding: Any, dilation: Sides, groups: int = 1
) -> Tensor:
    """`F.conv2d` of `x` (B, in, H, W), with a gradient of `weight` that is right for every shape."""
    if not (weight.requires_grad and gradient_is_wrong(x, stride)):
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    bias = None if bias is None else bias.float()
    return F.conv2d(x.float(), weight.float(), bias, stride, padding, dilation, groups).to(x.dtype)


def conv2d_gradients(
    grad: Tensor, x: Tensor, weight: Tensor, layer: nn.Conv2d, needs_x: bool
) -> tuple[Tensor | None, Tensor]:
    """The gradients of `x`, if it `needs_x`, and of `weight`, for the output of a `layer` with this weight."""
    dtype = x.dtype
    if gradient_is_wrong(x, layer.stride):
        grad, x, weight = grad.float(), x.float(), weight.float()
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad, x, weight, None, layer.stride, layer.padding, layer.dilation, False, [0, 0], layer.groups,
        (needs_x, True, False),
    )  # fmt: skip
    return grad_x.to(dtype) if needs_x else None, grad_weight.to(dtype)


def gradient_is_wrong(x: Tensor, stride: tuple[int, ...]) -> bool:
    """Whether PyTorch (2.13) would give a weight uninitialised memory as its gradient.

    It does on a processor, in bf16, where a padded `x` is narrower than the stride: at a width of 1 and a stride of 2.
    """
    return x.dtype == torch.bfloat16 and x.shape[-1] < stride[-1] and x.device.type == "cpu"


class Conv2d(nn.Conv2d):
    """torch's, for whole models that train. Its class has the name by which presets of layers know it."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)  # type: ignore[arg-type]


def with_right_gradients(network: nn.Module) -> nn.Module:
    """`network` with every convolution that has a stride as a `Conv2d` of ours."""
    for layer in network.modules():
        if type(layer) is nn.Conv2d and max(layer.stride) > 1 and layer.padding_mode == "zeros":
            layer.__class__ = Conv2d
    return network
