"""Orthogonal fine-tuning: rotations of a layer's outputs, block by block (Qiu et al., 2023) or in butterflies (Liu et
al., 2023, BOFT)."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.facts.adapters.splits import butterfly, split
from train_core.networks.weight_change import Frozen, Values, WeightChange


class OftLayer(WeightChange):
    """The base of both forms: skew blocks, made rotations by Cayley's transform, and factors on the outputs.

    The alpha of a file is the `constraint`: times the number of outputs, the longest that all blocks together may be;
    0 sets no bound. With `rescaled` each output also has a factor, which starts at 1. Blocks start at zero.
    """

    names: ClassVar[tuple[str, ...]] = ("oft_blocks", "rescale")
    signs: ClassVar[frozenset[str]] = frozenset({"oft_blocks"})

    needs_weight: ClassVar[bool] = True

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        self.oft_blocks = self._parameter(torch.zeros(self._blocks(self.shape[0], options.rank)))
        ones = torch.ones(self.shape[0], *[1] * (len(self.shape) - 1))
        self.rescale = self._parameter(ones) if options.rescaled else None

    @abstractmethod
    def _blocks(self, outputs: int, aim: int) -> tuple[int, ...]:
        """The shape of the blocks for so many outputs."""

    def alpha_in_file(self) -> float:
        return float(self.options.constraint)

    def values(self) -> dict[str, Tensor]:
        return self.live()

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        assert weight is not None
        turned = turn(weight, values["oft_blocks"], (alpha or 0.0) * shape[0])
        return (turned * values["rescale"] if "rescale" in values else turned) - weight

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        *_, count, size, _ = values["oft_blocks"].shape
        return torch.Size((count * size,))

    @classmethod
    def suits(cls, values: Values, shape: torch.Size) -> bool:
        return cls.shape_in(values)[0] == shape[0]

    @classmethod
    def rank_in(cls, values: Values) -> int:
        return values["oft_blocks"].shape[-1]

    def output(self, x: Tensor) -> Tensor:
        """Output; in bypass mode the outputs are turned instead of the weight, and the bias stays as it is."""
        if not self.options.bypass_mode:
            return super().output(x)
        y = self.base_forward(x)
        conv = isinstance(self.base, nn.Conv2d)
        bias = 0 if self.base.bias is None else self.base.bias.view(1, -1, 1, 1) if conv else self.base.bias
        rows = (y - bias).movedim(1, 0) if conv else (y - bias).movedim(-1, 0)
        turned = turn(rows.float(), self.oft_blocks.float(), self.alpha * self.shape[0])
        if self.rescale is not None:
            turned = turned * self.rescale.view(-1, *[1] * (turned.dim() - 1))
        turned = turned.to(y.dtype)
        return (turned.movedim(0, 1) if conv else turned.movedim(0, -1)) + bias


class DiagOftLayer(OftLayer):
    """Blocks (count, size, size), each turning its own outputs; `network_dim` is the size that is aimed at."""

    def _blocks(self, outputs: int, aim: int) -> tuple[int, ...]:
        size, count = split(outputs, aim)
        return count, size, size


class BoftLayer(OftLayer):
    """Blocks (stages, count, size, size): stage after stage the blocks reach over twice as many outputs."""

    def _blocks(self, outputs: int, aim: int) -> tuple[int, ...]:
        size, count = butterfly(outputs, aim)
        return count.bit_length(), count, size, size


def turn(rows: Tensor, blocks: Tensor, longest: float) -> Tensor:
    """`rows` (outputs, …) turned by `blocks`, (count, size, size) or (stages, count, size, size)."""
    rotations = cayley(blocks, longest)
    if blocks.dim() == 3:
        grouped = rows.unflatten(0, blocks.shape[:2])
        return torch.einsum("knm,kn...->km...", rotations, grouped).flatten(0, 1)
    size = blocks.shape[-1]
    for stage, rotation in enumerate(rotations):
        apart = 2**stage * size // 2  # how far the two halves of a block lie from each other
        mixed = rows.unflatten(0, (-1, 2, apart)).transpose(1, 2).flatten(0, 2).unflatten(0, (-1, size))
        mixed = torch.einsum("bij,bj...->bi...", rotation, mixed)
        rows = mixed.flatten(0, 1).unflatten(0, (-1, apart, 2)).transpose(1, 2).flatten(0, 2)
    return rows


def cayley(blocks: Tensor, longest: float) -> Tensor:
    """Rotations (I + Q)(I - Q)⁻¹ of the skew parts Q of `blocks`, all of them no longer than `longest` together."""
    skew = blocks - blocks.transpose(-1, -2)
    if longest > 0:
        length = skew.norm() + 1e-8
        skew = skew * torch.clamp(longest / length, max=1.0)
    eye = torch.eye(blocks.shape[-1], device=blocks.device, dtype=blocks.dtype)
    return torch.linalg.solve(eye - skew, eye + skew, left=False)
