"""LoHa (Hyeon-Woo et al., 2021, FedPara): the elementwise product of two products of small maps."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from train_core.facts.adapters.options import LayerOptions
from train_core.networks.weight_change import Frozen, Values, WeightChange


class LohaLayer(WeightChange):
    """ΔW = alpha / rank · (w1_a w1_b) ∘ (w2_a w2_b), a change of rank up to rank² for the numbers of two LoRAs.

    `a` are (out, rank), `b` are (rank, in · kh · kw); in Tucker form, for convolutions, `a` are (rank, out), `b` are
    (rank, in), and `hada_t` (rank, rank, kh, kw) stand between. w2_a starts at zero, the others normal with deviation
    0.1 (w1_a and t) and 1 (b).
    """

    names: ClassVar[tuple[str, ...]] = (
        "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2",
    )  # fmt: skip
    signs: ClassVar[frozenset[str]] = frozenset({"hada_w1_a"})

    decomposes: ClassVar[bool] = True
    has_scalar: ClassVar[bool] = True
    factors: ClassVar[tuple[tuple[str, ...], ...]] = tuple((name,) for name in names)

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        out_features, in_features, *kernel = self.shape
        rank, self.hada_t1, self.hada_t2 = options.rank, None, None
        a, b = (out_features, rank), (rank, in_features * kernel[0] * kernel[1] if kernel else in_features)
        if options.use_tucker and kernel not in ([], [1, 1]):
            a, b = (rank, out_features), (rank, in_features)
            self.hada_t1 = self._parameter(0.1 * torch.randn(rank, rank, *kernel, generator=generator))
            self.hada_t2 = self._parameter(0.1 * torch.randn(rank, rank, *kernel, generator=generator))
        self.hada_w1_a = self._parameter(0.1 * torch.randn(a, generator=generator))
        self.hada_w1_b = self._parameter(torch.randn(b, generator=generator))
        second = 0.1 * torch.randn(a, generator=generator) if self.opened else torch.zeros(a)
        self.hada_w2_a = self._parameter(second)
        self.hada_w2_b = self._parameter(torch.randn(b, generator=generator))

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        a, b, core = values["hada_w1_a"], values["hada_w1_b"], values.get("hada_t1")
        return torch.Size((len(a), b.shape[1]) if core is None else (a.shape[1], b.shape[1], *core.shape[2:]))

    @classmethod
    def rank_in(cls, values: Values) -> int:
        return len(values["hada_w1_b"])

    def values(self) -> dict[str, Tensor]:
        return self.live() | {"hada_w1_a": self.by_scalar(self.hada_w1_a)}

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        strength = 1.0 if alpha is None else alpha / len(values["hada_w1_b"])
        first, second = (_half(values, number) for number in (1, 2))
        return (first * second * strength).view(shape)


def _half(values: Values, number: int) -> Tensor:
    a, b, core = values[f"hada_w{number}_a"], values[f"hada_w{number}_b"], values.get(f"hada_t{number}")
    return a @ b if core is None else torch.einsum("ij...,ip,jr->pr...", core, a, b)
