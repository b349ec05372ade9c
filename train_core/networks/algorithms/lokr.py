"""LoKr (Yeh et al., 2023): the Kronecker product of a small map and a larger one, which may be of low rank."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.facts.adapters.splits import split
from train_core.networks.algorithms.lora import kaiming
from train_core.networks.weight_change import Frozen, Values, WeightChange


class LokrLayer(WeightChange):
    """ΔW = alpha / rank · w1 ⊗ w2, where w1 is (out1, in1), w2 is (out2, in2, kh, kw), out = out1 · out2 and so for in.

    The sides are split as near to `factor` as their divisors allow (-1: as evenly as possible). w2 is w2_a w2_b, of the
    given rank, unless that rank reaches half of its larger side or `full_matrix` is on; w1 is split as well only with
    `decompose_both`. Where both are whole there is no rank, and the strength is 1. w2, or w2_b, starts at zero.
    """

    names: ClassVar[tuple[str, ...]] = (
        "lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2",
    )  # fmt: skip
    signs: ClassVar[frozenset[str]] = frozenset({"lokr_w1", "lokr_w1_a"})

    decomposes: ClassVar[bool] = True
    has_scalar: ClassVar[bool] = True
    factors: ClassVar[tuple[tuple[str, ...], ...]] = tuple((name,) for name in names)

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        out_features, in_features, *kernel = self.shape
        (out1, out2), (in1, in2) = split(out_features, options.factor), split(in_features, options.factor)
        rank = options.rank
        self.lokr_w1 = self.lokr_w1_a = self.lokr_w1_b = None
        self.lokr_w2 = self.lokr_w2_a = self.lokr_w2_b = self.lokr_t2 = None
        if options.decompose_both and not options.full_matrix and rank < max(out1, in1) / 2:
            self.lokr_w1_a = self._parameter(kaiming(generator, out1, rank))
            self.lokr_w1_b = self._parameter(kaiming(generator, rank, in1))
        else:
            self.lokr_w1 = self._parameter(kaiming(generator, out1, in1))
        if options.full_matrix or rank >= max(out2, in2) / 2:
            self.lokr_w2 = self._parameter(self._closed(generator, out2, in2, *kernel))
        elif options.use_tucker and kernel not in ([], [1, 1]):
            self.lokr_t2 = self._parameter(kaiming(generator, rank, rank, *kernel))
            self.lokr_w2_a = self._parameter(kaiming(generator, rank, out2))
            self.lokr_w2_b = self._parameter(self._closed(generator, rank, in2))
        else:
            places = kernel[0] * kernel[1] if kernel else 1
            self.lokr_w2_a = self._parameter(kaiming(generator, out2, rank))
            self.lokr_w2_b = self._parameter(self._closed(generator, rank, in2 * places))
        if self.lokr_w1 is not None and self.lokr_w2 is not None:
            self.alpha = float(rank)

    def _closed(self, generator: torch.Generator, *shape: int) -> Tensor:
        """Zero, so that training starts from the frozen model, unless a scalar sees to that."""
        return kaiming(generator, *shape) if self.opened else torch.zeros(shape)

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        w1 = _first(values)
        if "lokr_w2" in values:
            outputs, inputs, *kernel = values["lokr_w2"].shape
        else:
            a, b, core = values["lokr_w2_a"], values["lokr_w2_b"], values.get("lokr_t2")
            outputs, inputs, *kernel = (len(a), b.shape[1]) if core is None else (
                a.shape[1], b.shape[1], *core.shape[2:]
            )  # fmt: skip
        return torch.Size((len(w1) * outputs, w1.shape[1] * inputs, *kernel))

    @classmethod
    def rank_in(cls, values: Values) -> int:
        ranked = values.get("lokr_w2_b", values.get("lokr_w1_b"))
        return 1 if ranked is None else len(ranked)

    @torch.no_grad()
    def norm(self) -> Tensor:
        """|w1 ⊗ w2| = |w1| |w2|."""
        values = self.values()
        return _first(values).norm() * _second(values, self.shape).norm() * _strength(values, self.alpha)

    def values(self) -> dict[str, Tensor]:
        first = "lokr_w1" if self.lokr_w1 is not None else "lokr_w1_a"
        return self.live() | {first: self.by_scalar(getattr(self, first))}

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        w1, w2 = _first(values), _second(values, shape)
        return torch.kron(w1.view(*w1.shape, *[1] * (w2.dim() - 2)), w2.contiguous()) * _strength(values, alpha)

    def output(self, x: Tensor) -> Tensor:
        if not self.options.bypass_mode or self.dora_scale is not None or isinstance(self.base, nn.Conv2d):
            return super().output(x)
        values = self.values()
        w1, w2 = _first(values).to(x.dtype), _second(values, self.shape).to(x.dtype)
        # (w1 ⊗ w2) x: x as a matrix (in1, in2), w2 on its rows and w1 on its columns
        h = F.linear(x.unflatten(-1, (w1.shape[1], w2.shape[1])), w2)
        y = torch.einsum("oi,...ip->...op", w1, h).flatten(-2)
        return self.base_forward(x) + y * _strength(values, self.alpha)


def _first(values: Values) -> Tensor:
    return values["lokr_w1"] if "lokr_w1" in values else values["lokr_w1_a"] @ values["lokr_w1_b"]


def _second(values: Values, shape: torch.Size) -> Tensor:
    """w2 as (out2, in2) or (out2, in2, kh, kw)."""
    if "lokr_w2" in values:
        return values["lokr_w2"]
    a, b, core = values["lokr_w2_a"], values["lokr_w2_b"], values.get("lokr_t2")
    if core is not None:
        return torch.einsum("ij...,ip,jr->pr...", core, a, b)
    return (a @ b.flatten(1)).view(len(a), -1, *shape[2:])


def _strength(values: Values, alpha: float | None) -> float:
    ranked = values.get("lokr_w2_b", values.get("lokr_w1_b"))
    return 1.0 if alpha is None or ranked is None else alpha / len(ranked)
