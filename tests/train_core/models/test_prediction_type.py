"""Whether noise or velocity is learnt: the file is believed, the model is asked, and what was taken is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.tiny import tiny_file
from tests.tiny_families import file_of, folder_of, tensors_of
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.headers import recognise
from train_core.models.load import load_family
from train_core.models.prediction import probe_prediction


def load(path: Path, **settings):
    return load_family(ModelSettings(pretrained_model_name_or_path=str(path), **settings), torch.float32)


def said(family) -> list[str]:
    return [remark.code for remark in family.remarks]


@pytest.fixture
def velocity_file(tmp_path):
    """An SDXL file that says it predicts velocity, by an empty tensor as its makers do."""
    save_file(tensors_of("sdxl") | {"v_pred": torch.zeros(0)}, tmp_path / "v.safetensors")
    return tmp_path / "v.safetensors"


class Answers(torch.nn.Module):
    """A U-Net with a fixed opinion of what it is shown."""

    def __init__(self, answer):
        super().__init__()
        self.conv_in = torch.nn.Conv2d(4, 4, 1)
        self.answer = answer

    def forward(self, noisy, timesteps, hidden, **_):
        return (self.answer(noisy),)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda noise: noise * 0.98 + 0.1, "epsilon"),
        (lambda noise: noise * 0.068 - torch.ones_like(noise).cumsum(-1) / 32, "v_prediction"),
        (lambda noise: -noise, "v_prediction"),
    ],
)
def test_a_model_of_noise_gives_back_the_noise_it_is_shown_and_one_of_velocity_does_not(answer, expected):
    family = load(file_of("sd2"), v_parameterization="epsilon")
    family.modules["unet"] = Answers(answer)
    assert probe_prediction(family) == expected


def test_an_sd2_file_that_is_silent_is_asked_and_the_answer_is_said():
    family = load(file_of("sd2"))
    assert recognise(file_of("sd2")).prediction_type is None
    assert family.prediction_type == probe_prediction(family) == "v_prediction"  # random weights give no noise back
    (remark,) = family.remarks
    assert remark.code == "prediction_type_probed"
    assert "it is v, and is trained that way" in remark.text
    assert "set v_parameterization to epsilon" in remark.text


@pytest.mark.parametrize("path", [tiny_file(), file_of("sdxl")])
def test_silent_files_of_the_other_families_predict_noise(path):
    family = load(path)
    assert (family.prediction_type, said(family)) == ("epsilon", [])


def test_a_folder_says_it_by_its_scheduler():
    family = load(folder_of("sd2"))
    assert (family.prediction_type, said(family)) == ("epsilon", [])


def test_a_file_that_says_velocity_is_believed(velocity_file):
    family = load(velocity_file)
    assert (family.prediction_type, said(family)) == ("v_prediction", [])


@pytest.mark.parametrize(("setting", "taken"), [("epsilon", "epsilon"), ("v", "v_prediction")])
def test_the_setting_decides_where_the_file_is_silent(setting, taken):
    family = load(file_of("sd2"), v_parameterization=setting)
    assert (family.prediction_type, said(family)) == (taken, [])


def test_a_setting_against_what_the_file_says_is_used(velocity_file):
    family = load(velocity_file, v_parameterization="epsilon")
    assert (family.prediction_type, said(family)) == ("epsilon", [])  # the warning comes before it is loaded
