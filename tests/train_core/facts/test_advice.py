"""Cures of the errors and warnings that know one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import image_folder
from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.problems import Problem
from train_core.config.sections.dataset import DatasetSettings
from train_core.facts.advice import CURES, Cure, cure_of
from train_core.facts.datasets.subsets import survey


def cures(**dataset: object) -> list[Cure | None]:
    """The cures of what is wrong and odd with images at these places."""
    sources = survey(DataSettings(DatasetSettings(**dataset)))
    values = TrainConfig(dataset=DatasetSettings(**dataset)).flat()
    return [cure_of(found, values) for found in (*sources.problems, *sources.warnings)]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return image_folder(tmp_path / "set", "10_zuko", [(64, 64)] * 2, "zuko")


def test_a_folder_that_lies_too_deep_or_too_high_is_cured_by_the_right_one(images: Path):
    parent = str(images.parent)
    assert cures(train_data_dir=str(images)) == [Cure("train_data_dir", parent, "parent_folder")]
    assert cures(train_data_dir=str(images.parent.parent)) == [Cure("train_data_dir", parent, "inner_folder")]


def test_the_cure_is_for_the_folder_that_is_wrong(images: Path, tmp_path: Path):
    regular = image_folder(tmp_path / "regular", "1_dog", [(64, 64)], "dog")
    found = cures(train_data_dir=str(images.parent), reg_data_dir=str(regular))
    assert found == [Cure("reg_data_dir", str(regular.parent), "parent_folder")]


def test_captions_with_another_ending_are_cured_by_it(images: Path):
    for path in images.glob("*.txt"):
        path.rename(path.with_suffix(".caption"))
    assert cures(train_data_dir=str(images.parent)) == [Cure("caption_extension", ".caption", "caption_files")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"learning_rate": "fast"}, Cure("learning_rate", TrainConfig().optimizer.learning_rate)),
        ({"network_dim": 0}, Cure("network_dim", 32)),
        ({"LoRA_type": "LoKrr"}, Cure("LoRA_type", "LoKr")),
        ({"conv_alpha": 3.0}, Cure("conv_alpha", 1.0)),  # no convolutions are trained
        ({"block_alphas": "1,2"}, Cure("block_alphas", "")),
        ({"output_name": "out/zuko"}, Cure("output_name", "zuko")),
        ({"flip_aug": False, "color_aug": True}, Cure("cache_latents", False)),
        ({"learning_rate": 0}, Cure("learning_rate", 1e-4)),
        ({"zero_terminal_snr": True, "v_parameterization": "epsilon"}, Cure("zero_terminal_snr", False)),
        ({"fused_backward_pass": True, "gradient_accumulation_steps": 2}, Cure("fused_backward_pass", False)),
    ],
)
def test_the_cure_makes_the_complaint_go_away(given: dict[str, object], expected: Cure):
    def complaints(values: dict[str, object]) -> list[Problem]:
        reading = read_leniently(values)
        return [*reading[1], *contradictions(reading[0]), *oddities(reading[0])]

    found = next(one for one in complaints(given) if cure_of(one, {}) == expected)
    again = complaints({**given, expected.setting: expected.value})
    assert found.code not in {one.code for one in again}


def read_leniently(values: dict[str, object]) -> tuple[TrainConfig, list[Problem]]:
    """The settings, with defaults for what cannot be read, and what is wrong or without effect."""
    parsed = parse_values(TrainConfig, values, "here")
    if parsed.config is not None:
        return parsed.config, [*parsed.errors, *parsed.warnings]
    wrong = {one.params.get("name") for one in parsed.errors}
    rest = parse_values(TrainConfig, {name: value for name, value in values.items() if name not in wrong}, "here")
    assert rest.config is not None
    return rest.config, [*parsed.errors, *rest.warnings]


def test_what_is_not_known_has_no_cure():
    assert cure_of(Problem("something_else", "…"), {}) is None


def test_every_cure_sets_a_setting():
    names = {s.name for s in TrainConfig.settings()}
    codes = {code for code, cure in CURES.items() if isinstance(cure, Cure)}
    for code in codes:
        cure = CURES[code]
        assert isinstance(cure, Cure)
        parsed = parse_values(TrainConfig, {cure.setting: cure.value}, "here")
        assert not parsed.errors, code
    assert {cure.setting for cure in CURES.values() if isinstance(cure, Cure)} <= names
