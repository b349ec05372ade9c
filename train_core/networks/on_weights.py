"""A frozen layer's output under a changed weight, without keeping a weight of its size for the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from train_core.models.convolution import conv2d, conv2d_gradients
from train_core.models.quantised import weight_of


class ChangesWeight(Protocol):
    """A layer that changes the weight of its frozen module `base`."""

    base: Any

    def change(self, weight: Tensor | None = None) -> Tensor:
        """The change of the frozen weight, given in fp32."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Parameters that the change follows from."""


def on_weights(x: Tensor, layer: ChangesWeight) -> Tensor:
    """op(x, W + ΔW) + bias, where W is the layer's frozen weight and ΔW what `layer.change` makes of its parameters.

    In half precision both products are taken apart, since a small ΔW would be lost in the rounding of the sum.
    """
    if torch.compiler.is_compiling():  # the compiler finds a way of its own
        weight = weight_of(layer.base, x)
        return operate(x, layer.base, weight, layer.base.bias) + operate(
            x, layer.base, layer.change(weight.float()).to(x.dtype)
        )
    return _OnWeights.apply(x, layer, *layer.parameters())


def operate(x: Tensor, base: nn.Linear | nn.Conv2d, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The output of `base` for `x` with this weight and bias in place of its own."""
    if isinstance(base, nn.Conv2d):
        return conv2d(x, weight, bias, base.stride, base.padding, base.dilation, base.groups)  # type: ignore[arg-type]
    return F.linear(x, weight, bias)


class _OnWeights(torch.autograd.Function):
    """See `on_weights`. The change is computed a second time in the backward pass, on its own graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: ChangesWeight, *parameters: Tensor) -> Tensor:
        base, weight = layer.base, weight_of(layer.base, x)
        change = layer.change(weight.float())
        ctx.save_for_backward(x)
        ctx.layer, ctx.parameters = layer, parameters
        if x.dtype == torch.float32:
            return operate(x, base, weight + change, base.bias)
        return operate(x, base, weight, base.bias).add_(operate(x, base, change.to(x.dtype)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x,) = ctx.saved_tensors
        layer, weight = ctx.layer, weight_of(ctx.layer.base, x)
        training = [p for p, needed in zip(ctx.parameters, ctx.needs_input_grad[2:], strict=True) if needed]
        with torch.enable_grad():
            change = layer.change(weight.float())
        total = (weight + change.detach()).to(x.dtype) if ctx.needs_input_grad[0] else weight
        grad_x, grad_weight = _gradients(grad, x, layer.base, total, ctx.needs_input_grad[0])
        found = iter(_backward(change, training, grad_weight))
        return grad_x, None, *(next(found) if needed else None for needed in ctx.needs_input_grad[2:])


def _gradients(
    grad: Tensor, x: Tensor, base: nn.Linear | nn.Conv2d, weight: Tensor, needs_x: bool
) -> tuple[Tensor | None, Tensor]:
    """The gradients of input and weight."""
    if isinstance(base, nn.Conv2d):
        return conv2d_gradients(grad, x, weight, base, needs_x)
    rows, grads = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
    return grad @ weight if needs_x else None, grads.t() @ rows


def _backward(change: Tensor, parameters: list[Tensor], grad: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients of `parameters`, None for those that the change does not follow from."""
    if not parameters:
        return ()
    return torch.autograd.grad(change, parameters, grad.to(change.dtype), allow_unused=True)
