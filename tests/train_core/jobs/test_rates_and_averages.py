"""Optimizers, rates of blocks and averages in whole training jobs: what the file holds and what the log says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.event_lines import Event
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import difference, kinds, run, tensor_bytes, weights

SHORT: dict[str, Any] = {"max_train_epochs": 1, "network_train_unet_only": True, "metadata_depth": "minimal"}


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


@pytest.mark.parametrize(
    ("until", "values"),
    [
        ("2", {}),
        ("50%", {"ema_decay": 0.5, "optimizer_type": "AdamW8bit"}),
        ("0.5", {"fused_backward_pass": True, "max_grad_norm": 0, "gradient_checkpointing": True}),
    ],
)
def test_the_text_encoder_stays_as_it_is_from_its_step_on(prepare: Prepare, until: str, values: dict[str, Any]) -> None:
    settings = {**SHORT, "network_train_unet_only": False, "save_every_n_steps": 2, "lr_scheduler": "cosine"}
    events = run(prepare("stops", stop_text_encoder_training=until, **settings, **values))
    then = load_file(kinds(events, "saved")[0]["path"])
    last = weights(events)
    assert kinds(events, "saved")[0]["step"] == 2
    changed = {name.split("_")[1] for name in last if not torch.equal(last[name], then[name])}
    assert changed == ({"unet", "te"} if "ema_decay" in values else {"unet"})  # an average goes on to settle
    assert any(tensor.abs().max() > 0 for name, tensor in then.items() if "_te_" in name and "lora_up" in name)
    assert all((event["lr"]["text_encoder"] > 0) == (event["step"] <= 2) for event in kinds(events, "progress"))


def test_one_rate_optimizers_go_on_where_the_text_encoder_stops(prepare: Prepare) -> None:
    settings = {**SHORT, "network_train_unet_only": False, "learning_rate": 1.0}
    for optimizer in ("Prodigy", "DAdaptAdam"):
        events = run(prepare(optimizer, optimizer_type=optimizer, stop_text_encoder_training="1", **settings))
        assert events[-1]["status"] == "completed"


@pytest.mark.parametrize("optimizer", ["AdamW", "AdamW8bit", "Adafactor"])
def test_weights_in_full_half_precision_learn_much_the_same(prepare: Prepare, optimizer: str) -> None:
    values = {**SHORT, "mixed_precision": "bf16", "optimizer_type": optimizer, "metadata_depth": "full"}
    whole, half = run(prepare("whole", **values)), run(prepare("half", full_half=True, **values))
    one, two = weights(whole), weights(half)
    moved = max(tensor.abs().max().item() for name, tensor in one.items() if "lora_up" in name)
    assert 0 < difference(one, two) < 0.5 * moved + 2**-8
    assert all(torch.equal(t, t.bfloat16().float()) for name, t in two.items() if not name.endswith("alpha"))


@pytest.mark.parametrize(
    "memory",
    [
        {"base_precision": "fp8"}, {"base_precision": "int8", "base_precision_parts": "all", "blocks_to_swap": 4},
        {"base_precision": "nf4", "gradient_checkpointing": True, "cpu_offload_checkpointing": True},
        {"dynamo_backend": "eager"}, {"attention": "math"},
    ],
)
def test_every_way_to_save_memory_trains_much_the_same(prepare: Prepare, memory: dict[str, Any]) -> None:
    plain, other = weights(run(prepare("plain", **SHORT))), weights(run(prepare("saving", **SHORT, **memory)))
    ups = [torch.cat([t.flatten() for name, t in one.items() if "lora_up" in name]) for one in (plain, other)]
    assert torch.cosine_similarity(*ups, dim=0) > 0.6


def test_a_run_whose_samples_do_not_change_says_once_that_the_next_stage_may_begin(prepare: Prepare) -> None:
    drawn = {"sample_prompts": "a dog --s 1 --w 64 --h 64 --d 1", "sample_every_n_steps": 1}
    still = {"lr_scheduler": "staged", "lr_stages": "1e-30:press, 1e-3", **drawn}
    [notice] = kinds(run(prepare("still", **SHORT, **still)), "notice")
    assert (notice["code"], notice["params"]) == ("samples_alike", {"percent": "0.0"})
