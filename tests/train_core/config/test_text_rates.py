"""Rates of one or two text encoders, and the kind of prediction, in every form that files and people write them."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from train_core.config.checks.consistency import contradictions, learning_rates
from train_core.config.files import check_values, read_config
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.config.syntax.arguments import parse_numbers

NEEDED = {"pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/images", "output_dir": "/out"}


def config(**values) -> TrainConfig:
    return check_values(NEEDED | values, "the test", {}).config


@pytest.mark.parametrize(
    ("given", "rates"),
    [
        ("", (1e-3, 1e-3)), (None, (1e-3, 1e-3)), (5e-5, (5e-5, 5e-5)), (0, (0, 0)), ("5e-5", (5e-5, 5e-5)),
        ("5e-5,2e-5", (5e-5, 2e-5)), (" .1 , 1E-4 ", (0.1, 1e-4)), ([5e-5, 2e-5], (5e-5, 2e-5)), ([5e-5], (5e-5, 5e-5)),
        ([0, 1e-4], (0, 1e-4)),
    ],
)  # fmt: skip
def test_one_rate_is_for_both_encoders_and_two_are_for_each(given, rates):
    found = learning_rates(config(text_encoder_lr=given, learning_rate=1e-3))
    assert (found["text_encoder"], found["text_encoder_2"]) == rates
    assert found["unet"] == 1e-3


@pytest.mark.parametrize("given", ["fast", "1e-4,", ",1e-4", "1e-4 1e-5", "-1e-4", "1e-4,1e-5,1e-6", [1, 2, 3], True])
def test_what_is_no_rate_is_refused_by_name(given):
    with pytest.raises(UserError, match="text_encoder_lr"):
        config(text_encoder_lr=given)


def test_no_text_encoder_has_a_rate_when_only_the_unet_trains():
    assert set(learning_rates(config(network_train_unet_only=True))) == {"unet"}


@pytest.mark.parametrize(("given", "clash"), [("1,1", False), ("1,0", False), ("0,1", False), ("1,0.5", True)])
def test_d_adaptation_refuses_encoders_at_different_rates_but_allows_zero(given, clash):
    values = {"optimizer_type": "DAdaptAdam", "learning_rate": 1.0, "text_encoder_lr": given}
    settings = TrainConfig.from_flat(values)
    found = [p for p in contradictions(settings) if p.code == "dadapt_two_rates"]
    assert bool(found) == clash
    assert all("text_encoder_lr = 1,0.5" in p.text for p in found)


def test_text_of_numbers_is_read_as_numbers():
    assert parse_numbers("1e-4, .5") == [1e-4, 0.5]
    assert parse_numbers(" ") == []
    with pytest.raises(ValueError, match="fast"):
        parse_numbers("fast")


def exported(**values) -> dict:
    tables = tomllib.loads(export_toml(config(**values)))
    return {name: value for table in tables.values() for name, value in table.items()}


def test_exported_rates_are_a_list_as_sd_scripts_reads_them():
    assert exported(text_encoder_lr="5e-5,2e-5")["text_encoder_lr"] == [5e-5, 2e-5]
    assert exported(text_encoder_lr=5e-5)["text_encoder_lr"] == [5e-5]
    assert "text_encoder_lr" not in exported()


@pytest.mark.parametrize(("theirs", "ours"), [("true", "v"), ("false", "auto")])
def test_their_v_parameterization_is_ours_and_off_leaves_it_to_the_model(tmp_path: Path, theirs, ours):
    lines = [f'{name} = "{value}"' for name, value in NEEDED.items()]
    lines += [f"v_parameterization = {theirs}", 'network_module = "networks.lora"', "v2 = true"]
    (tmp_path / "theirs.toml").write_text("\n".join(lines), encoding="utf-8")
    loaded = read_config(tmp_path / "theirs.toml")
    assert loaded.config.model.v_parameterization == ours
    assert any("v2" in p.text and "detected from its file" in p.text for p in loaded.warnings)


def test_only_velocity_is_exported_as_v_parameterization():
    assert exported(v_parameterization="v")["v_parameterization"] is True
    assert "v_parameterization" not in exported()
    assert "v_parameterization" not in exported(v_parameterization="epsilon")
