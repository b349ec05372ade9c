"""A tiny DeepDanbooru with random weights: the real one's layers by their numbers, a few channels wide."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

# (blocks, stride, channels within, channels out) of each stage; the fourth keeps its channels, as the real one does.
STAGES = ((3, 1, 2, 4), (8, 2, 2, 6), (20, 2, 2, 8), (20, 2, 2, 8), (3, 2, 2, 8), (3, 2, 2, 8))
STEM = 4


def layers() -> Iterator[tuple[str, int, int, int, int]]:
    """(what it is, size of the kernel, channels in, channels out, stride) of each layer, in the file's order."""
    yield "stem", 7, 3, STEM, 2
    before = STEM
    for number, (blocks, stride, within, out) in enumerate(STAGES):
        for block in range(blocks):
            step = stride if block == 0 else 1
            shortcut = [("shortcut", 1, before, out, step)] if block == 0 else []
            yield from shortcut if number != 3 else ()
            yield "reduce", 1, before, within, 1
            yield "middle", 3, within, within, step
            yield "expand", 1, within, out, 1
            yield from shortcut if number == 3 else ()
            before = out
    yield "head", 1, before, 0, 1


def write_deepdanbooru(folder: Path, tags: Sequence[str]) -> dict[str, Tensor]:
    """Its file in `folder`; gives the weights."""
    generator = torch.Generator().manual_seed(5)
    weights: dict[str, Tensor] = {}
    for number, (name, size, into, out, _) in enumerate(layers()):
        shape = (out or len(tags), into, size, size)
        scale = {"expand": 0.3, "head": 3.0}.get(name, 1.0) / math.sqrt(into * size * size)
        weights[f"n_Conv_{number}.weight"] = scale * torch.randn(shape, generator=generator)
        if name != "head":
            weights[f"n_Conv_{number}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({**weights, "tags": list(tags)}, folder / "model-resnet_custom_v3.pt")
    return weights


def expected_scores(weights: dict[str, Tensor], pictures: Tensor) -> Tensor:
    """(pictures, tags) of (pictures, 3, side, side), with TensorFlow's "same" padding worked out for each layer."""
    x = y = past = pictures
    for number, (name, size, _, _, stride) in enumerate(layers()):
        weight, bias = weights[f"n_Conv_{number}.weight"], weights.get(f"n_Conv_{number}.bias")

        def conv(values: Tensor) -> Tensor:
            return F.conv2d(_same(values, size, stride, 0.0), weight, bias, stride)  # noqa: B023

        if name == "stem":
            x = past = F.max_pool2d(_same(F.relu(conv(x)), 3, 2, -math.inf), 3, 2)
        elif name == "shortcut":
            past = conv(x)
            if y is not x:  # behind the others, which wait for it
                x = y = past = F.relu(y + past)
        elif name == "reduce":
            y = F.relu(conv(x))
        elif name == "middle":
            y = F.relu(conv(y))
        elif name == "expand":
            y = conv(y)
            waits = number == 99
            if not waits:
                x = y = past = F.relu(y + past)
        else:
            x = torch.sigmoid(conv(x).mean((2, 3)))
        if name == "stem":
            y = x
    return x


def _same(values: Tensor, size: int, stride: int, filler: float) -> Tensor:
    """`values` with as much around as makes ceil(side / stride) places, the odd one behind."""
    padding: list[int] = []
    for side in reversed(values.shape[2:]):
        whole = max((math.ceil(side / stride) - 1) * stride + size - side, 0)
        padding += [whole // 2, whole - whole // 2]
    return F.pad(values, padding, value=filler)
