"""DoRA (Liu et al., 2024): a changed weight keeps its direction and takes a trained magnitude."""

from __future__ import annotations

import torch
from torch import Tensor


def magnitude(weight: Tensor, on_output: bool) -> Tensor:
    """The norm of each output's weights, (out, 1, …), or of each input's, (1, in, …), of a `weight` (out, in, …)."""
    axis = 0 if on_output else 1
    return torch.linalg.vector_norm(weight, dim=[d for d in range(weight.dim()) if d != axis], keepdim=True)


def decomposed(weight: Tensor, dora_scale: Tensor) -> Tensor:
    """`weight` (out, in, …) with the magnitudes `dora_scale`: of its outputs or of its inputs, by their shape."""
    on_output = dora_scale.shape[0] == len(weight) and dora_scale.shape[1] == 1
    dora_scale = dora_scale.reshape(*dora_scale.shape[:2], *[1] * (weight.dim() - 2))
    norms = magnitude(weight, on_output) + torch.finfo(weight.dtype).eps
    return weight * (dora_scale.to(weight) / norms)
