"""A search for the learning rate keeps the user's settings, except for what Prodigy needs."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.checks.consistency import contradictions, learning_rates
from train_core.config.jobs.find_rate import search_settings, suggested_rates
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values


def config(**values: Any) -> TrainConfig:
    parsed = parse_values(TrainConfig, values)
    assert parsed.config is not None, parsed.errors
    return parsed.config


def test_the_search_has_the_rate_and_schedule_that_it_needs_and_the_users_are_kept() -> None:
    users = config(
        optimizer_type="Lion", learning_rate=1e-5, unet_lr=2e-5, text_encoder_lr="1e-6", lr_scheduler="cosine",
        lr_warmup_steps="10%", ema_decay=0.99, loraplus_lr_ratio=16, fused_backward_pass=True, max_grad_norm=0,
        find_rate_steps=50, max_train_epochs=7, sample_prompts="a dog", save_every_n_steps=5, network_dim=8,
        train_batch_size=3, save_state=True,
    )  # fmt: skip
    before = users.model_dump()
    search = search_settings(users)
    assert users.model_dump() == before
    assert not contradictions(search)
    assert search.optimizer.optimizer_type == "Prodigy"
    assert search.optimizer.lr_scheduler == "constant"
    assert set(learning_rates(search).values()) == {1.0}
    assert (search.training.max_train_steps, search.training.max_train_epochs) == (50, 0)
    assert (search.network, search.training.train_batch_size) == (users.network, 3)
    assert (search.samples.sample_prompts, search.output.save_every_n_steps, search.resume.save_state) == ("", 0, False)


@pytest.mark.parametrize(
    ("values", "rates"),
    [
        ({"unet_lr": 0}, {"unet": 0.0, "text_encoder": 1.0, "text_encoder_2": 1.0}),
        ({"text_encoder_lr": "0"}, {"unet": 1.0, "text_encoder": 0.0, "text_encoder_2": 0.0}),
        ({"text_encoder_lr": "1e-5,0"}, {"unet": 1.0, "text_encoder": 1.0, "text_encoder_2": 0.0}),
        ({"learning_rate": 0, "unet_lr": 1e-4}, {"unet": 1.0, "text_encoder": 0.0, "text_encoder_2": 0.0}),
        ({"network_train_unet_only": True}, {"unet": 1.0}),
    ],
)
def test_what_the_user_leaves_out_stays_out(values: dict[str, Any], rates: dict[str, float]) -> None:
    assert learning_rates(search_settings(config(**values))) == rates


def test_the_text_encoder_gets_half_and_lion_a_third() -> None:
    assert suggested_rates(1.2345e-4, by_part=True) == {
        "AdamW8bit": {"unet_lr": 1.2e-4, "text_encoder_lr": 6e-5},
        "Lion": {"unet_lr": 4.1e-5, "text_encoder_lr": 2.1e-5},
    }  # fmt: skip


def test_where_parts_have_no_rates_of_their_own_one_is_suggested() -> None:
    assert suggested_rates(1.2345e-4, by_part=False) == {
        "AdamW8bit": {"learning_rate": 1.2e-4}, "Lion": {"learning_rate": 4.1e-5},
    }  # fmt: skip
