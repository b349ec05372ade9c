"""Noise and loss settings that contradict each other or the model are told before anything is trained."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.checks.loss import prediction_contradictions
from train_core.config.files import read_config
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.sections.loss import LossSettings


def codes(found: Any) -> list[str]:
    return [p.code for p in found]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"min_timestep": 500, "max_timestep": 500}, "no_timesteps"),
        ({"min_timestep": 600, "max_timestep": 500}, "no_timesteps"),
        ({"v_parameterization": "epsilon", "zero_terminal_snr": True}, "zero_terminal_snr_without_v"),
        ({"v_parameterization": "epsilon", "scale_v_pred_loss_like_noise_pred": True}, "scale_v_pred_without_v"),
        ({"v_parameterization": "v", "v_pred_like_loss": 0.1}, "v_pred_like_loss_with_v"),
    ],
)
def test_what_cannot_work_together_is_refused(values, code):
    assert codes(contradictions(TrainConfig.from_flat(values))) == [code]


@pytest.mark.parametrize(
    "values",
    [
        {"min_timestep": 499, "max_timestep": 500},
        {"v_parameterization": "v", "zero_terminal_snr": True, "scale_v_pred_loss_like_noise_pred": True},
        {"v_parameterization": "epsilon", "v_pred_like_loss": 0.1},
        {"zero_terminal_snr": True},  # what the model predicts is known only when it is read
    ],
)
def test_what_works_together_is_not(values):
    assert not contradictions(TrainConfig.from_flat(values))


def test_a_model_that_turns_out_to_predict_the_other_thing_is_refused_what_is_not_for_it():
    settings = LossSettings(zero_terminal_snr=True, scale_v_pred_loss_like_noise_pred=True, v_pred_like_loss=0.1)
    assert codes(prediction_contradictions(settings, "epsilon")) == [
        "scale_v_pred_without_v", "zero_terminal_snr_without_v",
    ]  # fmt: skip
    assert codes(prediction_contradictions(settings, "v_prediction")) == ["v_pred_like_loss_with_v"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"min_snr_gamma": 5, "debiased_estimation_loss": True}, "two_snr_weightings"),
        ({"zero_terminal_snr": True, "min_snr_gamma": 5}, "zero_terminal_snr_weighs_nothing"),
        ({"zero_terminal_snr": True, "scale_v_pred_loss_like_noise_pred": True}, "zero_terminal_snr_weighs_nothing"),
    ],
)
def test_what_is_rarely_meant_is_remarked(values, code):
    assert code in codes(oddities(TrainConfig.from_flat(values)))
    for name in values:
        alone = {key: value for key, value in values.items() if key != name}
        assert code not in codes(oddities(TrainConfig.from_flat(alone)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("noise_offset_random_strength", True), ("adaptive_noise_scale", 0.1), ("multires_noise_discount", 0.5),
        ("ip_noise_gamma_random_strength", True), ("huber_c", 0.5), ("huber_scale", 2.0),
        ("huber_schedule", "constant"), ("sigmoid_scale", 2.0), ("logit_mean", 1.0), ("logit_std", 2.0),
    ],
)  # fmt: skip
def test_a_setting_without_the_one_it_shapes_is_named(name, value):
    (warning,) = parse_values(TrainConfig, {name: value}).warnings
    assert (warning.code, warning.params["name"]) == ("not_applicable", name)


EVERYTHING = {
    "noise_offset": 0.05, "noise_offset_random_strength": True, "adaptive_noise_scale": 0.01,
    "multires_noise_iterations": 6, "multires_noise_discount": 0.4, "ip_noise_gamma": 0.1,
    "ip_noise_gamma_random_strength": True, "min_timestep": 100, "max_timestep": 900, "min_snr_gamma": 5.0,
    "debiased_estimation_loss": True, "v_pred_like_loss": 0.5, "loss_type": "huber", "huber_schedule": "exponential",
    "huber_c": 0.2, "huber_scale": 2.0,
}  # fmt: skip
PLACES = 'pretrained_model_name_or_path = "m"\ntrain_data_dir = "d"\noutput_dir = "o"\n'


def test_what_sd_scripts_knows_comes_in_and_goes_out_unchanged(tmp_path: Path):
    lines = (f"{name} = {str(value).lower() if value is True else repr(value)}" for name, value in EVERYTHING.items())
    (tmp_path / "in.toml").write_text(PLACES + "\n".join(lines), encoding="utf-8")
    config = read_config(tmp_path / "in.toml").config
    assert config.loss == LossSettings(**EVERYTHING)
    (tmp_path / "out.toml").write_text(export_toml(config), encoding="utf-8")
    assert read_config(tmp_path / "out.toml").config.loss == config.loss


def test_what_is_off_or_unknown_to_sd_scripts_is_not_exported():
    given = {"timestep_sampling": "logit_normal", "logit_mean": 0.5}
    exported = tomllib.loads(export_toml(TrainConfig.from_flat(given)))
    text = " ".join(name for table in exported.values() for name in table)
    for name in (*given, "logit_std", "adaptive_noise_scale", "multires_noise", "ip_noise_gamma", "v_pred_like_loss"):
        assert name not in text
