"""GLoRA (Chavan et al., 2023): a low-rank change of the weight and another one of its input."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.networks.algorithms.lora import kaiming
from train_core.networks.weight_change import Frozen, Values, WeightChange


class GloraLayer(WeightChange):
    """ΔW = alpha / rank · (W a1 a2 + b1 b2), with a1 (in, rank), a2 (rank, in), b1 (out, rank), b2 (rank, in, kh, kw).

    a2 and b2 start at zero. Older files have the two of each pair the other way round; see `reading`.
    """

    names: ClassVar[tuple[str, ...]] = ("a1.weight", "a2.weight", "b1.weight", "b2.weight")
    signs: ClassVar[frozenset[str]] = frozenset({"a1.weight"})

    needs_weight: ClassVar[bool] = True
    factors: ClassVar[tuple[tuple[str, ...], ...]] = (("a2", "b2"),)
    has_scalar: ClassVar[bool] = True

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        out_features, in_features, *kernel = self.shape
        rank, ones = options.rank, [1 for _ in kernel]
        self.a1 = self._parameter(kaiming(generator, in_features, rank, *ones))
        self.b1 = self._parameter(kaiming(generator, out_features, rank, *ones))
        seconds = ((rank, in_features, *ones), (rank, in_features, *kernel))
        self.a2, self.b2 = (
            self._parameter(kaiming(generator, *shape) if self.opened else torch.zeros(shape))
            for shape in seconds
        )

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        return torch.Size((len(values["b1.weight"]), *values["b2.weight"].shape[1:]))

    @classmethod
    def rank_in(cls, values: Values) -> int:
        return len(values["a2.weight"])

    def values(self) -> dict[str, Tensor]:
        closing = {"a2.weight": self.by_scalar(self.a2), "b2.weight": self.by_scalar(self.b2)}
        return {"a1.weight": self.a1, "b1.weight": self.b1, **closing}

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        assert weight is not None
        a1, a2, b1, b2 = (values[name].flatten(1) for name in cls.names)
        strength = 1.0 if alpha is None else alpha / len(a2)
        along = torch.einsum("oi...,ir,rj->oj...", weight, a1, a2)
        return (along + (b1 @ b2).view(shape)) * strength

    def output(self, x: Tensor) -> Tensor:
        if not self.options.bypass_mode or isinstance(self.base, nn.Conv2d):
            return super().output(x)
        values = {name: value.to(x.dtype) for name, value in self.values().items()}
        strength = self.alpha / self.rank
        turned = x @ values["a2.weight"].t() @ values["a1.weight"].t() * strength
        added = x @ values["b2.weight"].t() @ values["b1.weight"].t() * strength
        return self.base_forward(x + turned) + added
