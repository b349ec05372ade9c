"""The learning rates as the page plots them, held against those that the job's schedule gives."""

from __future__ import annotations

import pytest
import torch

from train_core.config.jobs.train import TrainConfig
from train_core.facts.run.rate_curves import POINTS, rate_curves
from train_core.facts.run.schedules import curve_of
from train_core.optim.schedule import Schedule

SCHEDULES = [
    {"lr_scheduler": "cosine", "lr_warmup_steps": "10%"}, {"lr_scheduler": "constant"},
    {"lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": 3}, {"lr_scheduler": "polynomial"},
    {"lr_scheduler": "warmup_stable_decay", "lr_decay_steps": "20%"}, {"lr_scheduler": "linear"},
    {"lr_scheduler": "staged", "lr_stages": "1e-3:40, 1e-4"}, {"lr_scheduler": "inverse_sqrt"},
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda given: given["lr_scheduler"])
def test_the_plotted_points_are_the_rates_that_the_optimizer_gets(schedule):
    config = TrainConfig.from_flat({"unet_lr": 2e-4, "network_train_unet_only": True, **schedule})
    curve, = rate_curves(config, 500)
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 2e-4, "name": "unet"}])
    real = Schedule(optimizer, curve_of(config.optimizer, 500))
    for step, rate in curve.points:
        real.set_for(step)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-12)
    assert (curve.points[0][0], curve.points[-1][0]) == (0, 499)
    assert len(curve.points) < POINTS + 12


def test_parts_with_the_same_rates_share_a_curve_and_others_have_their_own():
    texts = ("text_encoder", "text_encoder_2")
    config = TrainConfig.from_flat({"unet_lr": 1e-4, "text_encoder_lr": "5e-5,5e-5"})
    found = rate_curves(config, 100, "unet", texts)
    assert [(one.parts, one.peak) for one in found] == [(("unet",), 1e-4), (texts, 5e-5)]
    same = TrainConfig.from_flat({"text_encoder_lr": "", "learning_rate": 3e-4})
    assert [one.parts for one in rate_curves(same, 100)] == [("unet", "text_encoder")]


def test_text_encoders_that_stop_learning_fall_to_zero_at_that_step():
    config = TrainConfig.from_flat({"stop_text_encoder_training": "30%", "lr_scheduler": "constant"})
    unet, text = rate_curves(config, 100)
    assert [step for step, rate in text.points if rate == 0] == list(range(30, 100))
    assert all(rate for _, rate in unet.points)


def test_an_optimizer_that_finds_its_rate_is_said_to_and_one_that_uses_none_has_no_curve():
    adaptive = TrainConfig.from_flat({"optimizer_type": "DAdaptAdam", "learning_rate": 1.0})
    assert all(one.of_found for one in rate_curves(adaptive, 100))
    assert rate_curves(TrainConfig.from_flat({"optimizer_type": "Adafactor"}), 100) == ()


@pytest.mark.parametrize(
    "settings", [{"lr_scheduler": "staged", "lr_stages": ""}, {"lr_scheduler": "staged", "lr_stages": "x"},
                 {"lr_scheduler_args": ["oops"]}, {"learning_rate": 0.0}],
)  # fmt: skip
def test_settings_that_contradict_each_other_have_no_curve(settings):
    assert rate_curves(TrainConfig.from_flat(settings), 100) == ()


def test_a_run_of_one_step_has_one_point():
    curve, = rate_curves(TrainConfig.from_flat({"lr_scheduler": "constant"}), 1)
    assert curve.points == ((0, 1e-4),)
