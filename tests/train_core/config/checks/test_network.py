"""Settings of the adapter that cannot work together are refused before the start."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.checks.network import network_contradictions, network_oddities
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


CONV_RANKS = ",".join("2" * 25)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"LyCORIS_preset": "attn-mlp", "conv_dim": 4}, ["conv_dim"]),
        ({"LyCORIS_preset": "ia3", "conv_block_dims": CONV_RANKS}, ["conv_block_dims"]),
        ({"LyCORIS_preset": "full-lin", "conv_dim": 4, "use_tucker": True}, ["conv_dim", "use_tucker"]),
        ({"use_tucker": True}, ["use_tucker"]), ({"LyCORIS_preset": "attn-only", "train_norm": True}, [None]),
        ({"network_train_text_encoder_only": True, "train_norm": True}, [None]),
        ({"use_tucker": True, "conv_dim": 4}, []), ({"use_tucker": True, "conv_block_dims": CONV_RANKS}, []),
        ({"use_tucker": True, "LyCORIS_preset": "full"}, []), ({"train_norm": True}, []), ({"conv_dim": 4}, []),
        ({"LyCORIS_preset": "mine.toml", "conv_dim": 4, "use_tucker": True, "train_norm": True}, []),
    ],
)
def test_what_means_nothing_for_the_chosen_layers_is_named(settings: dict[str, Any], named: list[str | None]) -> None:
    found = network_oddities(TrainConfig.from_flat(settings))
    assert [one.params.get("name") for one in found] == named
