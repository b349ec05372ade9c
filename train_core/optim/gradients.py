"""Gradients that are not numbers: found by their norm, and kept from the parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

_BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # integers of the same size, by bytes


def reads_at_once(device: torch.device) -> bool:
    """Whether a number on `device` can be read without making it wait. CUDA's queue would run empty meanwhile."""
    return device.type != "cuda"


def norm_of(gradients: Iterable[Tensor]) -> Tensor:
    """The norm of all `gradients` together, a scalar on their device; infinite or NaN if any number in them is."""
    return torch.nn.utils.get_total_norm(gradients)


def gradients_of(parameters: Iterable[nn.Parameter]) -> list[Tensor]:
    """The gradients of those `parameters` that have one."""
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def is_finite(norm: Tensor) -> bool:
    """Whether a norm is a number; this waits for its device."""
    return math.isfinite(float(norm))


def zero_unless_finite(norm: Tensor, gradients: Sequence[Tensor]) -> None:
    """Set all `gradients` to zero where their `norm` is not finite, else leave them as they are, to the bit.

    The device decides, so that nobody waits for it. The bits are multiplied by 0 or 1 as integers: NaN times 0 would
    be NaN.
    """
    for dtype in {gradient.dtype for gradient in gradients}:
        bits = [g.view(_BITS[g.itemsize]) for g in gradients if g.dtype == dtype]
        torch._foreach_mul_(bits, torch.isfinite(norm).to(bits[0].dtype))
