"""Advice fits the settings at hand: nothing that is set already, the strongest first, three at most."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.jobs.train import TrainConfig
from train_core.facts.run.failure_advice import memory_advice, stability_advice


def config(**values: Any) -> TrainConfig:
    return TrainConfig.from_flat({"mixed_precision": "bf16", **values})


def test_the_batch_comes_first_then_checkpointing_then_fewer_bits() -> None:
    advice = memory_advice(config(train_batch_size=4, resolution="1024,768"), computer=False)
    assert advice == "train_batch_size = 2; gradient_checkpointing = true; base_precision = fp8"


@pytest.mark.parametrize("settings", [{}, {"gradient_checkpointing": True}, {"resolution": "64"}, {"network_dim": 1}])
def test_nothing_is_advised_that_is_set_already(settings: dict) -> None:
    advised = memory_advice(config(**settings), computer=True).split("; ")
    assert 1 <= len(advised) <= 3
    now = config(**settings).flat()
    for name, value in (one.split(" = ") for one in advised):
        assert str(now[name]).lower() != value


def test_following_the_advice_leads_to_settings_that_can_be_read() -> None:
    given: dict[str, Any] = {"train_batch_size": 8, "cache_latents": False, "resolution": "1024"}
    for _ in range(12):
        advised = dict(one.split(" = ") for one in memory_advice(config(**given), computer=False).split("; ") if one)
        given |= {name: {"true": True}.get(value, value) for name, value in advised.items()}
    assert config(**given).training.train_batch_size == 1


def test_a_rate_that_ran_away_is_advised_to_be_a_tenth_and_clipped() -> None:
    advice = stability_advice(config(learning_rate=1e-3, unet_lr=2e-3, max_grad_norm=0, mixed_precision="fp16"))
    assert advice == "mixed_precision = bf16; max_grad_norm = 1.0; learning_rate = 0.0002"


def test_an_optimizer_that_finds_its_own_rate_is_advised_against() -> None:
    assert "optimizer_type = AdamW8bit" in stability_advice(config(optimizer_type="Prodigy", learning_rate=1.0))
