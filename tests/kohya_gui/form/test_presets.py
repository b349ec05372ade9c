"""The program's presets are read-only; the user's are saved, listed and never written over unasked."""

from __future__ import annotations

import errno
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import get_args

import pytest

from kohya_gui.form import presets
from train_core.config import whole_files
from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import presets_dir
from train_core.config.problems import UserError
from train_core.config.sections.method import TrainingMethod
from train_core.config.sections.network import NetworkSettings

MINE = TrainConfig(network=NetworkSettings(network_dim=7))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    return tmp_path


def codes(error: pytest.ExceptionInfo[UserError]) -> list[str]:
    return [p.code for p in error.value.problems]


def test_every_program_preset_can_be_read_without_a_complaint():
    listed = [key for key in presets.list_presets() if presets.is_program_preset(key)]
    assert presets.DEMO in listed
    for key in listed:
        values, remarks, *_ = presets.load_preset(key)
        assert remarks == (), key
        assert set(values) == {s.name for s in TrainConfig.settings()}


def test_no_program_preset_has_settings_that_the_program_itself_warns_of():
    for key in filter(presets.is_program_preset, presets.list_presets()):
        config = TrainConfig.from_flat(presets.load_preset(key)[0])
        assert [found.code for found in oddities(config)] == [], key


def test_no_program_preset_contradicts_itself():
    for key in filter(presets.is_program_preset, presets.list_presets()):
        own = {"token_string": "zuko", "train_data_dir": "/images", "output_dir": "/out"}
        values = presets.load_preset(key)[0] | own
        assert [found.code for found in contradictions(TrainConfig.from_flat(values))] == [], key


def test_each_method_has_presets_and_a_quick_one_that_train_it():
    found: dict[str, set[str]] = {}
    for key in filter(presets.is_program_preset, presets.list_presets()):
        method = presets.load_preset(key)[0]["training_method"]
        found.setdefault(method, set()).add(presets.name_of(key))
    assert found.keys() == set(get_args(TrainingMethod))
    assert [method for method, names in found.items() if not any("fast-preview" in name for name in names)] == []


def test_the_two_presets_for_illustrious_and_noobai_differ_in_what_the_base_model_predicts_alone():
    noise, velocity = (presets.load_preset(f"program:lora/illustrious-noobai-{kind}")[0] for kind in ("eps", "vpred"))
    assert {name: (noise[name], velocity[name]) for name in noise if noise[name] != velocity[name]} == {
        "v_parameterization": ("auto", "v"), "zero_terminal_snr": (False, True), "min_snr_gamma": (5.0, 0.0),
    }


def test_a_saved_preset_is_listed_and_gives_back_its_values():
    key = presets.save_preset_as("我的 dog", MINE)
    assert key in presets.list_presets()
    assert presets.name_of(key) == "我的 dog"
    assert presets.load_preset(key)[0]["network_dim"] == 7


def test_saving_again_writes_over_the_chosen_preset_of_the_user():
    key = presets.save_preset_as("dog", TrainConfig())
    presets.save_preset(key, MINE)
    assert presets.load_preset(key)[0]["network_dim"] == 7


def test_save_as_never_writes_over_a_preset():
    presets.save_preset_as("dog", MINE)
    with pytest.raises(UserError) as error:
        presets.save_preset_as("dog", TrainConfig())
    assert codes(error) == ["preset_exists"]
    assert json.loads((presets_dir() / "dog.json").read_text(encoding="utf-8"))["network_dim"] == 7


def test_program_presets_are_not_written_over():
    before = presets.path_of(presets.DEMO).read_bytes()
    with pytest.raises(UserError) as error:
        presets.save_preset(presets.DEMO, MINE)
    assert codes(error) == ["preset_is_program"]
    assert presets.path_of(presets.DEMO).read_bytes() == before


@pytest.mark.parametrize("name", [
    "", "  ", "a//b", "/a", "a/", "../a", ".a/b", "..", "a\\b", "a:b", "con", "NUL.json", "x" * 101, "a\nb",
])  # fmt: skip
def test_names_that_are_no_file_names_are_refused(name: str):
    with pytest.raises(UserError) as error:
        presets.save_preset_as(name, MINE)
    assert codes(error) == ["bad_preset_name"]
    assert not presets_dir().exists()


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are counted in letters here, not bytes")
@pytest.mark.parametrize("name", ["画" * 100, "画" * 84])
def test_a_name_with_more_bytes_than_the_drive_allows_is_refused(name: str) -> None:
    with pytest.raises(UserError) as error:
        presets.save_preset_as(name, MINE)
    assert codes(error) == ["file_name_refused"]
    assert name in str(error.value)


def test_a_preset_that_cannot_be_written_says_why_and_the_old_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    key = presets.save_preset_as("mine", MINE)
    before = presets.path_of(key).read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole_files, "_rename", full)
    for save in (partial(presets.save_preset, key), partial(presets.save_preset_as, "other")):
        with pytest.raises(UserError) as error:
            save(TrainConfig())
        assert codes(error) == ["file_not_written"]
        assert "No space left on device" in str(error.value)
    assert [path.read_bytes() for path in presets_dir().iterdir()] == [before]


@pytest.mark.parametrize("key", ["", "user:../secret", "program:../../pyproject", "user:gone"])
def test_keys_that_are_not_offered_open_nothing(key: str):
    with pytest.raises(UserError) as error:
        presets.path_of(key)
    assert codes(error) == ["no_such_preset"]


def test_a_preset_with_a_bad_value_is_loaded_without_it_and_says_so(home: Path):
    presets_dir().mkdir()
    text = json.dumps({"config_version": 1, "network_dim": 0, "learning_rate": 2e-4, "no_such_thing": 1})
    (presets_dir() / "old.json").write_text(text, encoding="utf-8")
    values, remarks, *_ = presets.load_preset("user:old")
    assert values["network_dim"] == TrainConfig().network.network_dim
    assert values["learning_rate"] == 2e-4
    assert {p.code for p in remarks} == {"out_of_bounds", "unknown_setting"}


def test_a_preset_without_output_folder_gets_one_so_that_it_can_start(home: Path):
    values, *_ = presets.load_preset(presets.DEMO)
    assert Path(values["output_dir"]).is_relative_to(home)
