"""Settings that fit an optimizer and that do not: said before a run starts, by the settings' names."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values


def config(**values: Any) -> TrainConfig:
    parsed = parse_values(TrainConfig, values)
    assert parsed.config is not None, parsed.errors
    return parsed.config


def refused(**values: Any) -> dict[str, str]:
    """Code and text of each contradiction."""
    return {found.code: found.text for found in contradictions(config(**values))}


def warned(**values: Any) -> dict[str, str]:
    return {found.code: found.text for found in oddities(config(**values))}


@pytest.mark.parametrize("name", ["DAdaptation", "dadaptlion", "Prodigy", "prodigyplus.ProdigyPlusScheduleFree"])
@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"unet_lr": 1.0, "text_encoder_lr": 0.5}, ("unet_lr = 1.0", "text_encoder_lr = 0.5")),
        ({"unet_lr": 0.5}, ("unet_lr = 0.5", "learning_rate = 1.0")),
        ({"loraplus_lr_ratio": 16}, ("loraplus_lr_ratio = 16",)),
        ({"up_lr_weight": "sine"}, ("up_lr_weight = sine",)),
    ],
)
def test_unequal_group_rates_are_refused_for_one_rate_optimizers(
    name: str, values: dict[str, Any], named: tuple[str, ...]
) -> None:
    text = refused(optimizer_type=name, learning_rate=1.0, **values)["dadapt_two_rates"]
    assert all(words in text for words in named), text


@pytest.mark.parametrize("values", [{}, {"text_encoder_lr": 0}, {"unet_lr": 0}, {"down_lr_weight": "0,0,1"}])
def test_equal_rates_and_zeros_are_allowed_for_one_rate_optimizers(values: dict[str, Any]) -> None:
    assert not refused(optimizer_type="Prodigy", learning_rate=1.0, **values)


def test_other_optimizers_may_have_unequal_rates() -> None:
    assert not refused(unet_lr=1e-4, text_encoder_lr=5e-5, loraplus_lr_ratio=16, up_lr_weight="sine")


def test_adafactor_says_which_settings_it_leaves_unused() -> None:
    text = warned(optimizer_type="Adafactor", unet_lr=1e-4, lr_warmup_steps="10", loraplus_lr_ratio=2)[
        "adafactor_relative_steps"
    ]
    for name in ("learning_rate", "unet_lr", "lr_scheduler", "lr_warmup_steps", "loraplus_lr_ratio"):
        assert name in text
    assert "text_encoder_lr" not in text


def test_adafactor_with_a_rate_of_its_own_leaves_nothing_unused() -> None:
    assert not warned(optimizer_type="Adafactor", optimizer_args=["relative_step=False"])


def test_adafactors_schedule_goes_with_its_relative_steps_only() -> None:
    assert "adafactor_schedule_alone" in refused(optimizer_type="AdamW", lr_scheduler="adafactor")
    assert "adafactor_schedule_alone" in refused(
        optimizer_type="Adafactor", optimizer_args=["relative_step=False"], lr_scheduler="adafactor"
    )
    assert not refused(optimizer_type="Adafactor", lr_scheduler="adafactor")


@pytest.mark.parametrize("name", ["RAdamScheduleFree", "pytorch_optimizer.ScheduleFreeAdamW"])
def test_a_schedule_that_a_schedule_free_optimizer_leaves_unused_is_said(name: str) -> None:
    assert "cosine" in warned(optimizer_type=name, lr_scheduler="cosine")["schedule_free_schedule"]
    assert not warned(optimizer_type="RAdamScheduleFree", lr_scheduler="constant_with_warmup")


def test_two_averages_are_refused() -> None:
    assert "ema_with_schedule_free" in refused(optimizer_type="AdamWScheduleFree", ema_decay=0.99)


def test_a_fused_backward_pass_names_every_setting_that_it_does_not_go_with() -> None:
    text = refused(
        fused_backward_pass=True, gradient_accumulation_steps=2, mixed_precision="fp16", num_processes=2,
        optimizer_type="Prodigy", learning_rate=1.0,
    )["fused_backward_conflict"]
    for name in (
        "gradient_accumulation_steps = 2", "max_grad_norm = 1", "mixed_precision = fp16", "num_processes = 2",
        "optimizer_type = Prodigy",
    ):
        assert name in text
    assert not refused(fused_backward_pass=True, max_grad_norm=0)


def test_warm_up_of_a_constant_schedule_is_not_dropped_silently() -> None:
    warnings = parse_values(TrainConfig, {"lr_scheduler": "constant", "lr_warmup_steps": "100"}).warnings
    assert [(found.code, found.params["name"]) for found in warnings] == [("not_applicable", "lr_warmup_steps")]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"lr_scheduler": "staged"}, "stages_missing"),
        ({"lr_scheduler": "staged", "lr_stages": "1e-3:10, fast"}, "bad_stage"),
        ({"lr_scheduler": "staged", "lr_stages": "1e-3", "learning_rate": 0, "unet_lr": 1e-4}, "stages_without_rate"),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_edn=1e-5"]}, "schedule_argument"),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["lr_end=low"]}, "schedule_argument"),
        ({"lr_scheduler": "warmup_stable_decay", "lr_scheduler_args": ["decay_type=steep"]}, "schedule_argument"),
        ({"lr_scheduler": "polynomial", "lr_scheduler_args": ["1e-5"]}, "argument_not_key_value"),
        ({"optimizer_args": ["fast"]}, "argument_not_key_value"),
        ({"optimizer_args": ["lr=1e-3"]}, "rate_among_arguments"),
        ({"down_lr_weight": "1,quick"}, "bad_block_rate"),
        ({"learning_rate": 0}, "no_learning_rate"),
    ],
)
def test_a_mistake_has_its_own_message(values: dict[str, Any], code: str) -> None:
    assert set(refused(**values)) == {code}


def test_unreadable_arguments_do_not_hide_what_else_is_odd() -> None:
    assert not warned(optimizer_type="Adafactor", optimizer_args=["fast"])


@pytest.mark.parametrize("values", [{"network_train_text_encoder_only": True}, {"unet_lr": 0.0}])
def test_a_text_encoder_that_stops_needs_something_that_goes_on(values: dict[str, Any]) -> None:
    assert "nothing_after_the_text_encoder" in refused(stop_text_encoder_training="30%", **values)
    assert "nothing_after_the_text_encoder" not in refused(stop_text_encoder_training="30%")


@pytest.mark.parametrize(
    ("optimizer", "argument", "code"),
    [
        ("AdamW8bit", "weight_decai=0.1", "optimizer_argument_unknown"),
        ("adamw", "weight_decay=0.01x", "optimizer_argument_unsuited"),
        ("Lion", "betas=0.9", "optimizer_argument_unsuited"),
        ("Prodigy", "decouple=maybe", "optimizer_argument_unsuited"),
        ("DAdaptAdan", "betas=0.9,0.99", "optimizer_argument_unsuited"),
    ],
)
def test_an_argument_that_the_optimizer_does_not_take_is_told(optimizer: str, argument: str, code: str) -> None:
    found = refused(optimizer_type=optimizer, optimizer_args=[argument], learning_rate=1.0)
    assert set(found) == {code}
    assert argument.partition("=")[0] in found[code]


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [
        ("AdamW8bit", ["weight_decay=0.01,", "betas=0.9,0.99 eps=1e-6"]), ("AdamW", ["fused=None", "amsgrad=1"]),
        ("Adafactor", ["relative_step=False scale_parameter=False warmup_init=False", "eps=1e-30,1e-3"]),
        ("Prodigy", ["decouple=True weight_decay=0.01 d_coef=2 growth_rate=inf"]), ("my_package.Mine", ["note=x"]),
    ],
)
def test_arguments_that_it_takes_are_taken(optimizer: str, arguments: list[str]) -> None:
    assert not refused(optimizer_type=optimizer, optimizer_args=arguments, learning_rate=1.0)


@pytest.mark.parametrize("name", ["AdamW", "AdamW8bit", "Lion", "AdamWScheduleFree", "pytorch_optimizer.CAME"])
def test_a_rate_for_d_adaptation_is_warned_of_with_other_optimizers(name: str) -> None:
    values = {"optimizer_type": name, "lr_scheduler": "constant"}
    assert "adam_large_rate" in warned(learning_rate=1.0, **values)
    assert "adam_large_rate" in warned(learning_rate=1e-4, unet_lr=0.1, **values)
    assert "adam_large_rate" not in warned(learning_rate=0.05, **values)


@pytest.mark.parametrize("name", ["DAdaptAdam", "Prodigy", "SGDNesterov", "prodigyplus.ProdigyPlusScheduleFree"])
def test_optimizers_that_take_large_rates_are_not(name: str) -> None:
    assert "adam_large_rate" not in warned(optimizer_type=name, learning_rate=1.0)


def test_adafactor_is_warned_of_where_it_uses_the_rate() -> None:
    own = {"optimizer_type": "Adafactor", "optimizer_args": ["relative_step=False"], "learning_rate": 1.0}
    assert "adam_large_rate" in warned(**own)
    assert "adam_large_rate" not in warned(**{**own, "optimizer_args": []})
