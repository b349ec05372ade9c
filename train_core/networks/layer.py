"""A layer of an adapter: it takes the place of one frozen module's forward and trains what it adds to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from train_core.networks.dropout_masks import Draws

Values = Mapping[str, Tensor]
Forward = Callable[[Tensor], Tensor]


class Layer(nn.Module, ABC):
    """Trains what changes one frozen module's output: its weight, see `WeightChange`, or what flows in or out.

    The frozen module is held outside of the registered submodules: its weights belong to the model, and must not turn
    up among the adapter's parameters, in its state or in gradient synchronisation. Parameters are fp32, and are cast
    where they are used.

    `Adapter` sets the rest: `name` is the module's key in files, `draws` seeds the dropouts; attached, the layer counts
    with `strength`, and `order` is its place among the layers of other adapters.
    """

    fast: ClassVar[frozenset[str]] = frozenset()  # parameters that LoRA+ speeds up
    fixed: ClassVar[frozenset[str]] = frozenset()  # parameters that never train

    base: Any

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.__dict__["base"] = base
        self.name = ""
        self.draws = Draws()
        self.strength = 1.0
        self.order = 0

    @abstractmethod
    def along(self, x: Tensor, rest: Forward) -> Tensor:
        """The module's output for `x` with this layer at its `strength`, where `rest` is the output without it.

        `rest` is the frozen module, or that with the layers of other adapters.
        """

    def forward(self, x: Tensor) -> Tensor:
        """The output where this layer is the only one, at strength 1."""
        return self.along(x, self.base_forward)

    def tensors(self) -> dict[str, Tensor]:
        """The tensors to save, by the name that follows the module's key in a file."""
        return {name: parameter.detach() for name, parameter in self.named_parameters()}

    @torch.no_grad()
    def load(self, tensors: Values) -> None:
        """Take over what `tensors` gave: values of the same names and shapes."""
        for name, parameter in self.named_parameters():
            parameter.copy_(tensors[name])

    def base_forward(self, x: Tensor) -> Tensor:
        """The frozen module's own output, whether or not the adapter is attached."""
        forward: Callable[..., Tensor] = type(self.base).forward
        return forward(self.base, x)
