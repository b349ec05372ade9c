"""What every adapter algorithm offers: one layer that stands in for one frozen module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from train_core.networks.draws import Draws


@dataclass(frozen=True)
class LayerOptions:
    """Size and dropouts of one layer. `alpha` None or 0 means the rank, that is, strength 1."""

    rank: int
    alpha: float | None = None
    dropout: float = 0.0
    rank_dropout: float = 0.0
    module_dropout: float = 0.0

    @property
    def random(self) -> bool:
        """Whether any dropout is on."""
        return bool(self.dropout or self.rank_dropout or self.module_dropout)


class AdapterLayer(nn.Module, ABC):
    """Trains a change to one frozen module and computes that module's output with the change.

    The frozen module is held outside of the registered submodules: its weights belong to the model, and must not turn
    up among the adapter's parameters, in its state or in gradient synchronisation.
    """

    base: nn.Linear | nn.Conv2d

    def __init__(self, base: nn.Linear | nn.Conv2d, options: LayerOptions) -> None:
        super().__init__()
        self.__dict__["base"] = base
        self.options = options
        self.alpha = float(options.alpha or options.rank)
        self.name = ""
        self.draws = Draws()

    @property
    def scale(self) -> float:
        """alpha / rank, the factor on the trained change."""
        return self.alpha / self.options.rank

    def base_forward(self, x: Tensor) -> Tensor:
        """The frozen module's own output, whether or not the adapter is attached."""
        forward: Callable[..., Tensor] = type(self.base).forward
        return forward(self.base, x)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """The frozen module's output for `x` plus the trained change, in the frozen module's dtype."""

    @abstractmethod
    def delta(self) -> Tensor:
        """The trained change as one tensor of the frozen weight's shape, fp32."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What is saved, by the name that follows the module's key in a file, alpha included."""

    @abstractmethod
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` gave. Without an alpha in the file, alpha is the rank."""

    def alpha_tensor(self) -> Tensor:
        """Alpha as a file holds it: a tensor without dimensions."""
        return torch.tensor(self.alpha)
