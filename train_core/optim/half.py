"""Weights that are kept in half precision: each step is taken in fp32 and rounded so that small steps are not lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from train_core.facts.seeds import seed_for

LOST_BITS = {torch.bfloat16: 16, torch.float16: 13}  # of fp32's 23 bits behind the point


@contextmanager
def in_fp32(parameters: Sequence[nn.Parameter], step: int, first: int = 0) -> Iterator[None]:
    """Context in which half-precision `parameters` and their gradients are in fp32.

    Afterwards they are in half precision again, rounded up or down by chance in proportion to how near each is, which
    keeps the mean of many small steps. The chance follows from `step` and the parameter's number, so that processes
    and resumed runs round alike; `first` is the number of the first one. Their gradients are forgotten.
    """
    halves = [(number, p, p.data, p.grad) for number, p in enumerate(parameters, first) if p.dtype in LOST_BITS]
    for _, parameter, half, grad in halves:
        parameter.grad = None
        parameter.data = half.float()
        parameter.grad = None if grad is None else grad.float()
    try:
        yield
    finally:
        for number, parameter, half, _ in halves:
            parameter.grad = None
            half.copy_(rounded(parameter.data, half.dtype, seed_for(0, 0, step, f"rounding {number}")))
            parameter.data = half


def rounded(values: Tensor, dtype: torch.dtype, seed: int) -> Tensor:
    """fp32 `values` in `dtype`, rounded up or down by chance so that the expected value is kept."""
    lost = LOST_BITS[dtype]
    generator = torch.Generator(values.device).manual_seed(seed)
    chance = torch.randint(1 << lost, values.shape, generator=generator, device=values.device, dtype=torch.int32)
    bits = values.contiguous().view(torch.int32) + chance
    return (bits & -(1 << lost)).view(torch.float32).to(dtype)
