"""Settings of the adapter that cannot work together are refused before the start."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.checks.network import network_contradictions
from train_core.config.jobs.train import TrainConfig


def codes(**settings: Any) -> list[str]:
    return [found.code for found in network_contradictions(TrainConfig.from_flat(settings))]


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"network_train_unet_only": True, "network_train_text_encoder_only": True}, "unet_only_and_text_encoder_only"),
        ({"LoRA_type": "LoKr", "bypass_mode": True, "rank_dropout": 0.1}, "bypass_cannot"),
        ({"LoRA_type": "LoKr", "bypass_mode": True, "dora_wd": True}, "bypass_cannot"),
        ({"LoRA_type": "IA3", "bypass_mode": True, "rank_dropout": 0.1}, "bypass_cannot"),
        ({"dora_wd": True, "network_dropout": 0.1}, "dora_and_dropout"),
        ({"scale_weight_norms": 1.0, "optimizer_type": "AdamWScheduleFree"}, "norms_and_schedule_free"),
        ({"base_weights": ["a"], "base_weights_multiplier": ["1", "2"]}, "more_strengths_than_files"),
    ],
)
def test_a_pair_that_cannot_work_is_named(settings: dict[str, Any], code: str) -> None:
    assert codes(**settings) == [code]


@pytest.mark.parametrize(
    "settings",
    [
        {}, {"bypass_mode": True, "rank_dropout": 0.1}, {"LoRA_type": "LoHa", "bypass_mode": True, "rank_dropout": 0.1},
        {"dora_wd": True, "rank_dropout": 0.1}, {"LoRA_type": "LoHa", "dora_wd": True, "network_dropout": 0.1},
        {"LoRA_type": "BOFT", "scale_weight_norms": 1.0, "optimizer_type": "AdamWScheduleFree"},
        {"base_weights": ["a", "b"], "base_weights_multiplier": ["1"]},
    ],
    ids=str,
)
def test_what_works_or_does_not_apply_is_no_contradiction(settings: dict[str, Any]) -> None:
    assert codes(**settings) == []
