"""The method that trains an adapter on a frozen base model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from train_core.config.train import NetworkSettings
from train_core.models.family import Family, Part
from train_core.networks.attach import build_adapter


class AdapterMethod:
    """Holds the adapter while it sits on the family's modules."""

    def __init__(self, family: Family, network: NetworkSettings, seed: int, device: torch.device) -> None:
        self.adapter = build_adapter(family.targets(), network, seed).to(device)
        self.adapter.attach()

    @property
    def trainable(self) -> nn.Module:
        """Everything that trains, as one module."""
        return self.adapter

    @property
    def parts(self) -> set[Part]:
        """The parts of the model that the adapter changes."""
        return {part for part, parameters in self.adapter.parameter_groups_by_part().items() if parameters}

    def parameter_groups(self, rates: dict[str, float]) -> list[dict[str, Any]]:
        """One optimizer group per part that trains at a rate above zero, named after the part."""
        groups = self.adapter.parameter_groups_by_part()
        return [
            {"params": parameters, "lr": rates[part], "name": part}
            for part, parameters in groups.items()
            if parameters and rates[part] > 0
        ]

    def on_step(self, seed: int) -> None:
        """Before each batch: dropouts draw from `seed`."""
        self.adapter.reseed(seed)

    def state_dict(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """The adapter's tensors by their names in the file."""
        return self.adapter.state_dict_for_file(dtype)
