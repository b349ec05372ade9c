"""Alpha divided by the rank."""

from __future__ import annotations

import pytest

from train_core.config.jobs.train import TrainConfig
from train_core.facts.adapters.strength import strengths


def factors(**settings: object) -> dict[str, float]:
    return {name: one.factor for name, one in strengths(TrainConfig.from_flat(settings)).items()}


def test_the_strength_is_alpha_by_rank_for_linear_layers_and_for_convolutions():
    assert factors(network_dim=32, network_alpha=16.0) == {"network_dim": 0.5}
    found = factors(network_dim=32, network_alpha=32.0, conv_dim=8, conv_alpha=1.0)
    assert found == {"network_dim": 1.0, "conv_dim": 0.125}


def test_rank_stabilised_it_is_divided_by_the_square_root():
    assert factors(network_dim=64, network_alpha=16.0, rs_lora=True) == {"network_dim": pytest.approx(2.0)}


@pytest.mark.parametrize("algorithm", ["IA3", "Full", "Diag-OFT", "BOFT"])
def test_algorithms_without_an_alpha_have_none(algorithm):
    assert factors(LoRA_type=algorithm) == {}
