"""Parameters of an adapter and their rates: parts, blocks and LoRA+."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest

from tests.adapters import PLAIN
from tests.tiny import tiny_modules
from train_core.config.problems import UserError
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.rates import RateSettings
from train_core.kinds import SD_LAYOUT
from train_core.methods.adapter import AdapterMethod
from train_core.models.targets import text_encoder_targets, unet_targets

RATES = {"unet": 1e-4, "text_encoder": 5e-5}


@pytest.fixture
def family() -> Any:
    """The parts of an SD 1.x that the method needs."""
    modules = {name: copy.deepcopy(tiny_modules()[name]) for name in ("unet", "text_encoder")}
    targets = [*text_encoder_targets(modules["text_encoder"]), *unet_targets(modules["unet"])]
    return SimpleNamespace(block_layout=SD_LAYOUT, denoiser="unet", targets=lambda: targets)


def method_of(family: Any, network: dict[str, Any] | None = None, **rates: Any) -> AdapterMethod:
    return AdapterMethod(family, NetworkSettings(network_dim=2, **(network or {})), PLAIN, RateSettings(**rates), 0)


def rates_of(groups: list[dict[str, Any]]) -> dict[str, float]:
    return {group["name"]: group["lr"] for group in groups}


def test_each_part_has_a_group(family: Any) -> None:
    assert rates_of(method_of(family).parameter_groups(RATES)) == RATES


def test_loraplus_gives_the_up_layers_a_twin_group(family: Any) -> None:
    method = method_of(family, loraplus_lr_ratio=16, loraplus_text_encoder_lr_ratio=4)
    groups = method.parameter_groups(RATES)
    assert rates_of(groups) == pytest.approx(
        {"unet": 1e-4, "unet plus": 16e-4, "text_encoder": 5e-5, "text_encoder plus": 20e-5}
    )
    ups = {id(layer.lora_up) for layer in method.adapter.layers.values()}
    for group in groups:
        assert {id(parameter) in ups for parameter in group["params"]} == {group["name"].endswith(" plus")}


def test_a_loraplus_ratio_of_one_part_leaves_the_other_alone(family: Any) -> None:
    groups = method_of(family, loraplus_unet_lr_ratio=8).parameter_groups(RATES)
    assert rates_of(groups) == pytest.approx({"unet": 1e-4, "unet plus": 8e-4, "text_encoder": 5e-5})


def test_blocks_learn_at_their_factors_and_are_named(family: Any) -> None:
    method = method_of(family, up_lr_weight="1,1,1,0.5", loraplus_unet_lr_ratio=2)
    rates = rates_of(method.parameter_groups(RATES))
    assert rates["unet_block16"] == pytest.approx(0.5e-4)
    assert rates["unet_block16 plus"] == pytest.approx(1e-4)
    assert rates["unet_block12"] == pytest.approx(1e-4)
    assert rates["text_encoder"] == 5e-5
    assert "unet" not in rates


def test_a_block_at_zero_has_no_layers(family: Any) -> None:
    method = method_of(family, down_lr_weight="zeros", mid_lr_weight="0")
    blocks = {method.blocks[key] for key, part in method.adapter.parts.items() if part == "unet"}
    assert blocks
    assert min(blocks) > 12


def test_no_block_at_all_is_told(family: Any) -> None:
    nothing = {"down_lr_weight": "zeros", "mid_lr_weight": "0", "up_lr_weight": "zeros"}
    with pytest.raises(UserError) as caught:
        method_of(family, {"network_train_unet_only": True}, **nothing)
    assert [found.code for found in caught.value.problems] == ["every_block_at_zero"]


def test_a_part_at_rate_zero_is_frozen_and_in_no_group(family: Any) -> None:
    method = method_of(family)
    assert rates_of(method.parameter_groups({**RATES, "text_encoder": 0.0})) == {"unet": 1e-4}
    layers = method.adapter.layers.items()
    frozen = {method.adapter.parts[key] for key, layer in layers if not layer.lora_up.requires_grad}
    assert frozen == {"text_encoder"}


def test_the_text_encoder_stops_at_its_step_and_not_before(family: Any) -> None:
    method = AdapterMethod(
        family, NetworkSettings(network_dim=2), PLAIN, RateSettings(loraplus_lr_ratio=4), 0, text_until=5
    )
    method.parameter_groups(RATES)
    assert method.ends() == {"text_encoder": 5, "text_encoder plus": 5}
    for step, parts in ((0, {"unet", "text_encoder"}), (4, {"unet", "text_encoder"}), (5, {"unet"}), (6, {"unet"})):
        method.begin_step(step)
        layers = method.adapter.layers.items()
        assert {method.adapter.parts[key] for key, layer in layers if layer.lora_up.requires_grad} == parts
