"""A frozen linear map and its low-rank change as one step of autograd: few kernels, few saved tensors."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


class _LowRankLinear(torch.autograd.Function):
    """y = x Wᵀ + bias + scale (x Aᵀ) Bᵀ, as `low_rank_linear` says.

    Written out because composed operations make three passes over y and keep its summands apart; here both products
    go straight into y, and into the gradient of x. Products are taken in W's dtype, gradients of A and B returned in
    theirs.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float
    ) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        a, b = down.to(weight.dtype), up.to(weight.dtype)
        y = F.linear(rows, weight, bias)
        h = torch.mm(rows, a.t())
        if scale != 1:
            h.mul_(scale)
        y.addmm_(h, b.t())
        ctx.save_for_backward(rows, h, weight, a, b)
        ctx.scale, ctx.dtype, ctx.shape = scale, down.dtype, x.shape
        return y.view(*x.shape[:-1], y.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, h, weight, a, b = ctx.saved_tensors
        needs_x, _, _, needs_down, needs_up, _ = ctx.needs_input_grad
        grad_y = grad.reshape(-1, grad.shape[-1])
        grad_h = torch.mm(grad_y, b)
        if ctx.scale != 1:
            grad_h.mul_(ctx.scale)
        grad_up = torch.mm(grad_y.t(), h).to(ctx.dtype) if needs_up else None
        grad_down = torch.mm(grad_h.t(), rows).to(ctx.dtype) if needs_down else None
        grad_x = torch.mm(grad_y, weight).addmm_(grad_h, a).view(ctx.shape) if needs_x else None
        return grad_x, None, None, grad_down, grad_up, None


def low_rank_linear(x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scale: float) -> Tensor:
    """x (..., in) → (..., out): x Wᵀ + bias + scale (x Aᵀ) Bᵀ.

    W (out, in) and the bias are frozen: they get no gradient. `down` is A (rank, in), `up` is B (out, rank).
    """
    return _LowRankLinear.apply(x, weight, bias, down, up, scale)
