"""Training whole weights and biases, kept as differences; and the same for norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.networks.weight_change import Frozen, Values, WeightChange


class FullLayer(WeightChange):
    """ΔW = diff, Δbias = diff_b, both from zero: all that fine-tuning can reach, at the size of the weights."""

    names: ClassVar[tuple[str, ...]] = ("diff", "diff_b")
    signs: ClassVar[frozenset[str]] = frozenset({"diff"})
    has_alpha: ClassVar[bool] = False
    factors: ClassVar[tuple[tuple[str, ...], ...]] = (("diff",),)

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        self.diff = self._parameter(torch.zeros(self.shape))
        self.diff_b = None if base.bias is None else self._parameter(torch.zeros(base.bias.shape))

    def values(self) -> dict[str, Tensor]:
        return self.live()

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        return values["diff"].view(shape)

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        return values["diff"].shape

    def output(self, x: Tensor) -> Tensor:
        return self._with_bias(super().output(x))

    def added(self, x: Tensor) -> Tensor:
        return self._with_bias(super().added(x))

    def _with_bias(self, y: Tensor) -> Tensor:
        if self.diff_b is None:
            return y
        return y + (self.diff_b.view(1, -1, 1, 1) if isinstance(self.base, nn.Conv2d) else self.diff_b).to(y.dtype)


class NormLayer(WeightChange):
    """The factors and offsets of a layer or group norm, trained whole and kept as differences."""

    names: ClassVar[tuple[str, ...]] = ("w_norm", "b_norm")
    signs: ClassVar[frozenset[str]] = frozenset({"w_norm"})
    has_alpha: ClassVar[bool] = False

    base: Any  # nn.LayerNorm | nn.GroupNorm

    def __init__(self, base: Any, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, LayerOptions(module_dropout=options.module_dropout), generator)
        self.w_norm = self._parameter(torch.zeros(base.weight.shape))
        self.b_norm = None if base.bias is None else self._parameter(torch.zeros(base.bias.shape))

    def values(self) -> dict[str, Tensor]:
        return self.live()

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        return values["w_norm"].view(shape)

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        return values["w_norm"].shape

    @classmethod
    def bias_change_of(cls, values: Values) -> Tensor | None:
        return values.get("b_norm")

    def output(self, x: Tensor) -> Tensor:
        return self.base_forward(x) + self.added(x)

    def added(self, x: Tensor) -> Tensor:
        """The normed input once more, with the differences: they would be lost beside factors of 1."""
        norm: Callable[..., Tensor]
        if isinstance(self.base, nn.GroupNorm):
            norm = lambda w, b: F.group_norm(x, self.base.num_groups, w, b, self.base.eps)  # noqa: E731
        else:
            norm = lambda w, b: F.layer_norm(x, self.base.normalized_shape, w, b, self.base.eps)  # noqa: E731
        offset = None if self.b_norm is None else self.b_norm.to(x.dtype)
        return norm(self.w_norm.to(x.dtype), offset)
