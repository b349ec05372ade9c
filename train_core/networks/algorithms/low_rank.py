"""A frozen linear map and its low-rank change as one step of autograd: few kernels, few saved tensors."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from train_core.models.quantised import weight_of


class _LowRankLinear(torch.autograd.Function):
    """y = x Wᵀ + bias + scale (x Aᵀ) Bᵀ, as `low_rank_linear` says.

    Written out because composed operations make three passes over y and keep its summands apart; here both products
    go straight into y, and into the gradient of x. Products are taken in the dtype of x, gradients of A and B returned
    in theirs. The frozen weight may be one that is made anew for each use, and is not kept.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, base: nn.Linear | nn.Conv2d, down: Tensor, up: Tensor, scale: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        a, b = down.to(x.dtype), up.to(x.dtype)
        y = F.linear(rows, weight_of(base, rows).flatten(1), base.bias)
        h = torch.mm(rows, a.t())
        if scale != 1:
            h.mul_(scale)
        y.addmm_(h, b.t())
        ctx.save_for_backward(rows, h, a, b)
        ctx.base, ctx.scale, ctx.dtype, ctx.shape = base, scale, down.dtype, x.shape
        return y.view(*x.shape[:-1], y.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, h, a, b = ctx.saved_tensors
        needs_x, _, needs_down, needs_up, _ = ctx.needs_input_grad
        grad_y = grad.reshape(-1, grad.shape[-1])
        grad_h = torch.mm(grad_y, b)
        if ctx.scale != 1:
            grad_h.mul_(ctx.scale)
        grad_up = torch.mm(grad_y.t(), h).to(ctx.dtype) if needs_up else None
        grad_down = torch.mm(grad_h.t(), rows).to(ctx.dtype) if needs_down else None
        grad_x = None
        if needs_x:
            weight = weight_of(ctx.base, grad_y).flatten(1)
            grad_x = torch.mm(grad_y, weight).addmm_(grad_h, a).view(ctx.shape)
        return grad_x, None, grad_down, grad_up, None


def low_rank_linear(x: Tensor, base: nn.Linear | nn.Conv2d, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """x (..., in) → (..., out): x Wᵀ + bias + scale (x Aᵀ) Bᵀ.

    W (out, in) and bias are those of `base`, a linear layer or pointwise convolution, and frozen: they get no gradient.
    `down` is A (rank, in), `up` is B (out, rank).
    """
    return _LowRankLinear.apply(x, base, down, up, scale)
