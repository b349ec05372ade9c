"""The method that trains an adapter on a frozen base model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from train_core.config.sections.network import NetworkSettings
from train_core.models.family import Family
from train_core.networks.attach import build_adapter


class AdapterMethod:
    """Holds the adapter while it sits on the family's modules."""

    def __init__(self, family: Family, network: NetworkSettings, seed: int) -> None:
        self.adapter = build_adapter(family.targets(), network, seed)
        self.adapter.attach()

    @property
    def trainable(self) -> nn.Module:
        """Everything that trains, as one module."""
        return self.adapter

    @property
    def parts(self) -> set[str]:
        """The parts of the model that the adapter sits on: `unet`, `text_encoder`."""
        return set(self.adapter.parameter_groups_by_part())

    def parameter_groups(self, rates: dict[str, float]) -> list[dict[str, Any]]:
        """One optimizer group for each part that trains at a rate above zero, named after the part.

        A part at rate zero is frozen: it is saved as it started.
        """
        groups = self.adapter.parameter_groups_by_part()
        for part, parameters in groups.items():
            for parameter in parameters:
                parameter.requires_grad_(rates[part] > 0)
        return [
            {"params": parameters, "lr": rates[part], "name": part}
            for part, parameters in groups.items()
            if rates[part] > 0
        ]

    def reseed(self, step_seed: int, sample_seeds: Sequence[int]) -> None:
        """Before each batch: what its dropouts draw from."""
        self.adapter.reseed(step_seed, sample_seeds)

    def state_dict(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """The adapter's tensors by their names in the file."""
        return self.adapter.state_dict_for_file(dtype)
