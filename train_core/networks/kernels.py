"""Weights that are matrices in one program and 1x1 convolutions in another, and the tensors of adapters for them.

sd-scripts builds the U-Net of SD 2.x with convolutions around its attention, where the checkpoint and diffusers have
matrices. So the adapters of that kind hold kernels there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

import torch
from torch import Tensor

from train_core.kinds import KINDS
from train_core.networks.weight_change import Values

PROJECTION = re.compile(r"lora_unet_.+_proj_(?:in|out)")
# The tensors that have a kernel where the weight has one; the others are the same for both.
WITH_KERNEL = frozenset({
    "lora_up.weight", "lora_down.weight", "lokr_w2", "diff", "dora_scale", "rescale", "a1.weight", "a2.weight",
    "b1.weight", "b2.weight",
})  # fmt: skip
FACTORS = "weight"  # of (IA)³: (n), or (1, n, 1, 1)


def is_around_attention(key: str) -> bool:
    """Whether the layer with this key leads into or out of a block of attention."""
    return PROJECTION.fullmatch(key) is not None


def kernel_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that the tensor `name` of a matrix has for a 1x1 convolution; the same where it has a kernel."""
    if name == FACTORS and len(shape) == 1:
        return (1, *shape, 1, 1)
    return (*shape, 1, 1) if name in WITH_KERNEL and len(shape) == 2 else shape


def matrix_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that the tensor `name` of a 1x1 convolution has for a matrix; the same where its kernel is wider."""
    if shape[2:] != (1, 1):
        return shape
    return (prod(shape),) if name == FACTORS else shape[:2] if name in WITH_KERNEL else shape


def fitted(tensors: Values, shape: torch.Size) -> dict[str, Tensor]:
    """A layer's `tensors` as they are for a weight of this `shape`, a matrix or a convolution."""
    if len(shape) != 2 and shape[2:] != (1, 1):
        return dict(tensors)
    shaped = matrix_shape if len(shape) == 2 else kernel_shape
    return {name: tensor.reshape(shaped(name, tuple(tensor.shape))) for name, tensor in tensors.items()}


def as_in_files(key: str, shapes: Mapping[str, tuple[int, ...]], kind: str) -> dict[str, tuple[int, ...]]:
    """The shapes that the tensors of the layer `key` have in files of this `kind`, by their names."""
    if kind not in KINDS or not is_around_attention(key):
        return dict(shapes)
    shaped = kernel_shape if KINDS[kind].kernels_in_adapters else matrix_shape
    return {name: shaped(name, shape) for name, shape in shapes.items()}
