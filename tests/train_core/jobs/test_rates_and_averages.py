"""Optimizers, rates of blocks and averages in whole training jobs: what the file holds and what the log says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import difference, kinds, run, tensor_bytes, weights
from train_core.events import Event

SHORT: dict[str, Any] = {"max_train_epochs": 1, "network_train_unet_only": True, "no_metadata": True}


def last_rates(events: list[Event]) -> dict[str, float]:
    return kinds(events, "progress")[-1]["lr"]


@pytest.mark.parametrize(
    ("optimizer", "rate"), [("Prodigy", 1.0), ("PagedAdamW8bit", 1e-3), ("SGDNesterov8bit", 10.0)]
)
def test_optimizers_of_every_package_finish_a_run(prepare: Prepare, optimizer: str, rate: float) -> None:
    events = run(prepare("run", optimizer_type=optimizer, learning_rate=rate, **SHORT))
    assert any(tensor.abs().max() > 0 for name, tensor in weights(events).items() if "lora_up" in name)
    assert ("d*lr" in last_rates(events)) == (optimizer == "Prodigy")


def test_a_moving_average_is_what_is_saved(prepare: Prepare) -> None:
    plain, averaged = run(prepare("plain", **SHORT)), run(prepare("averaged", ema_decay=0.9, **SHORT))
    ups = [
        max(tensor.abs().max().item() for name, tensor in weights(events).items() if "lora_up" in name)
        for events in (plain, averaged)
    ]
    assert 0 < ups[1] < ups[0]  # an average lags behind


@pytest.mark.parametrize("values", [{"optimizer_type": "AdamWScheduleFree"}, {"ema_decay": 0.9}])
def test_looking_at_an_average_changes_nothing_that_is_learnt(prepare: Prepare, values: dict[str, Any]) -> None:
    looked = {"sample_prompts": "a dog --s 1 --w 64 --h 64", "sample_every_n_steps": 1, "save_every_n_steps": 1}
    plain, other = run(prepare("plain", **SHORT, **values)), run(prepare("looked", **SHORT, **values, **looked))
    assert tensor_bytes(plain) == tensor_bytes(other)


def test_a_fused_backward_pass_learns_the_same(prepare: Prepare) -> None:
    values = {**SHORT, "network_train_unet_only": False, "max_grad_norm": 0, "lr_scheduler": "cosine"}
    plain, fused = run(prepare("plain", **values)), run(prepare("fused", fused_backward_pass=True, **values))
    assert difference(weights(plain), weights(fused)) < 1e-6
    assert last_rates(plain) == last_rates(fused)


def test_blocks_and_up_layers_have_rates_of_their_own_and_zero_is_not_in_the_file(prepare: Prepare) -> None:
    events = run(prepare("blocks", loraplus_lr_ratio=4, down_lr_weight="zeros", up_lr_weight="0.5,1", **SHORT))
    rates = last_rates(events)
    assert rates["unet_block12"] == pytest.approx(1e-3)
    assert rates["unet_block12 plus"] == pytest.approx(4e-3)
    assert all(int(name.split()[0].removeprefix("unet_block")) >= 12 for name in rates)
    assert not [name for name in weights(events) if "down_blocks" in name]


def test_a_staged_schedule_runs_in_optimizer_steps(prepare: Prepare) -> None:
    events = run(
        prepare("staged", lr_scheduler="staged", lr_stages="5e-3:2, 1e-3", gradient_accumulation_steps=2, **SHORT)
    )
    assert events[-1]["step"] == 2
    assert last_rates(events) == {"unet": 5e-3}
