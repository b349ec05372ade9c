"""(IA)³ (Liu et al., 2022): a factor for each output of a layer, or for each input."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from train_core.facts.adapters.options import LayerOptions
from train_core.networks.weight_change import Frozen, Values, WeightChange


class Ia3Layer(WeightChange):
    """ΔW = W · w, along the outputs, or along the inputs where `train_on_input` says so. w starts at zero.

    `weight` is (n) for linear layers and (1, n, 1, 1) for convolutions; `on_input` is 0 or 1.
    """

    names: ClassVar[tuple[str, ...]] = ("on_input", "weight")
    signs: ClassVar[frozenset[str]] = frozenset({"on_input"})
    needs_weight: ClassVar[bool] = True
    has_alpha: ClassVar[bool] = False
    factors: ClassVar[tuple[tuple[str, ...], ...]] = (("weight",),)

    def __init__(self, base: Frozen, options: LayerOptions, generator: torch.Generator) -> None:
        super().__init__(base, options, generator)
        count = self.shape[1 if options.train_on_input else 0]
        conv = isinstance(base, nn.Conv2d)
        self.weight = self._parameter(torch.zeros(1, count, 1, 1) if conv else torch.zeros(count))
        self.on_input = torch.tensor(float(options.train_on_input))  # on the CPU, where to look at it is quick

    def values(self) -> dict[str, Tensor]:
        return {"weight": self.weight, "on_input": self.on_input}

    def adopt(self, tensors: Values) -> None:
        self.weight, self.on_input = self._parameter(tensors["weight"]), tensors["on_input"].float().cpu()

    @classmethod
    def change_of(cls, values: Values, shape: torch.Size, alpha: float | None, weight: Tensor | None) -> Tensor:
        assert weight is not None
        factors, axis = values["weight"].flatten(), 1 if bool(values["on_input"]) else 0
        return weight * factors.view([-1 if place == axis else 1 for place in range(len(shape))])

    @classmethod
    def shape_in(cls, values: Values) -> torch.Size:
        return torch.Size((values["weight"].numel(),))

    @classmethod
    def suits(cls, values: Values, shape: torch.Size) -> bool:
        return values["weight"].numel() == shape[1 if bool(values["on_input"]) else 0]

    def output(self, x: Tensor) -> Tensor:
        if not self.options.bypass_mode:
            return super().output(x)
        factors = self.weight.to(x.dtype)
        if self.on_input:
            return self.base_forward(x * (1 + factors))
        y, bias = self.base_forward(x), self.base.bias
        if bias is None:
            return y * (1 + factors)
        plain = bias if not isinstance(self.base, nn.Conv2d) else bias.view(1, -1, 1, 1)
        return y + (y - plain) * factors
