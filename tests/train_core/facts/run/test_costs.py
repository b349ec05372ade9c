"""What time and memory of a training depend on."""

from __future__ import annotations

import pytest

from tests.tiny import tiny_file
from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.samples import SampleSettings
from train_core.facts.run.costs import COSTLY, times_drawn, work_digest
from train_core.facts.run.steps import StepCount


def digest(**values: object) -> str:
    return work_digest(TrainConfig.from_flat({"pretrained_model_name_or_path": str(tiny_file()), **values}))


def test_every_setting_that_costs_is_one() -> None:
    assert set(COSTLY) <= {setting.name for setting in TrainConfig.settings()}


@pytest.mark.parametrize(
    "values",
    [
        {"train_batch_size": 2}, {"resolution": "768"}, {"gradient_checkpointing": True}, {"network_dim": 99},
        {"optimizer_type": "Lion"}, {"network_train_unet_only": True}, {"LoRA_type": "LoHa"}, {"unet_lr": 0.0},
        {"pretrained_model_name_or_path": ""},
    ],
)
def test_other_work_is_told_apart(values: dict) -> None:
    assert digest(**values) != digest()


@pytest.mark.parametrize(
    "values", [{"output_name": "x"}, {"seed": 9}, {"max_train_epochs": 77}, {"unet_lr": 5e-4}, {"network_alpha": 2.0}]
)
def test_the_same_work_under_another_name_is_the_same(values: dict) -> None:
    assert digest(**values) == digest()


def test_prompts_are_drawn_at_the_start_after_steps_and_after_epochs() -> None:
    count = StepCount(1, 1, 10, 10, 7, 70, 70, ())
    assert times_drawn(SampleSettings(), count) == 7
    assert times_drawn(SampleSettings(sample_every_n_epochs=0), count) == 0
    each = SampleSettings(sample_every_n_epochs=2, sample_every_n_steps=20, sample_at_first=True)
    assert times_drawn(each, count) == 1 + 3 + 3
