"""The strength that an adapter learns at: what its alpha makes of its rank."""

from __future__ import annotations

import math
from dataclasses import dataclass

from train_core.config.jobs.train import TrainConfig


@dataclass(frozen=True)
class Strength:
    """The factor on a trained change: alpha divided by the rank, or by its square root if `rank_stabilised`."""

    alpha: float
    rank: int
    rank_stabilised: bool = False

    @property
    def factor(self) -> float:
        return self.alpha / (math.sqrt(self.rank) if self.rank_stabilised else self.rank)


def strengths(config: TrainConfig) -> dict[str, Strength]:
    """The strengths by the setting that holds their rank: `network_dim`, and `conv_dim` where convolutions have one.

    Empty for algorithms without an alpha.
    """
    values = config.applicable()
    if "network_alpha" not in values:
        return {}
    stable = bool(values.get("rs_lora"))
    found = {"network_dim": Strength(config.network.network_alpha, config.network.network_dim, stable)}
    if config.network.conv_dim is not None and "conv_alpha" in values:
        found["conv_dim"] = Strength(config.network.conv_alpha, config.network.conv_dim, stable)
    return found
