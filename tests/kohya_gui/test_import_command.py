"""`./gui.sh import`: the report in the terminal, and the files that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kohya_gui import cli
from train_core.config.files import read_config
from train_core.facts.importing import open_foreign

PRESET: dict[str, Any] = {
    "LoRA_type": "Standard", "max_resolution": "768,512", "network_dim": "8", "epoch": 2, "optimizer": "AdamW",
    "pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/img", "output_dir": "/out",
    "future_field": 1,
}  # fmt: skip
SUBSETS = '[[subsets]]\nimage_dir = "5_cat"\nnum_repeats = 5\n[saving_args.args]\noutput_name = "cat"\n'


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(PRESET), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_NO_SETUP", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def test_without_an_output_only_the_report_is_shown(preset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["import", str(preset)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Settings of kohya_ss (LoRA)")
    assert "network_dim = 8" in out
    assert list(preset.parent.iterdir()) == [preset]


def test_the_report_is_in_the_language_of_the_terminal_or_the_one_asked_for(
    preset: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert cli.main(["import", str(preset)]) == 0
    assert capsys.readouterr().out.startswith("kohya_ss 的设置")
    assert cli.main(["import", str(preset), "--language", "en"]) == 0
    assert capsys.readouterr().out.startswith("Settings of kohya_ss")


@pytest.mark.parametrize("name", ["new.toml", "new.json"])
def test_our_own_file_trains(preset: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    to = preset.parent / name
    assert cli.main(["import", str(preset), "--output", str(to)]) == 0
    assert str(to) in capsys.readouterr().out
    assert read_config(to).config.network.network_dim == 8


def test_other_programs_files_can_be_written(preset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    to = preset.parent / "back.json"
    assert cli.main(["import", str(preset), "--output", str(to), "--as", "kohya_ss"]) == 0
    written = json.loads(to.read_text("utf-8"))
    assert {name: written[name] for name in PRESET} == PRESET
    to = preset.parent / "sd.toml"
    assert cli.main(["import", str(preset), "--output", str(to), "--as", "sd-scripts"]) == 0
    assert open_foreign(to).settings.network.network_dim == 8
    capsys.readouterr()


def test_images_that_a_file_describes_go_to_a_dataset_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "le.toml").write_text(SUBSETS, encoding="utf-8")
    assert cli.main(["import", str(tmp_path / "le.toml"), "--output", str(tmp_path / "cat.toml")]) == 0
    assert str(tmp_path / "cat-dataset.toml") in capsys.readouterr().out
    assert "cat-dataset.toml" in (tmp_path / "cat.toml").read_text("utf-8")


@pytest.mark.parametrize(("name", "says"), [
    ("old.json", "exists already"), ("no/where.json", "There is no folder"),
])  # fmt: skip
def test_nothing_is_written_over_or_into_nowhere(
    preset: Path, name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = preset.read_bytes()
    assert cli.main(["import", str(preset), "--output", str(preset.parent / name)]) == 1
    assert says in capsys.readouterr().err
    assert preset.read_bytes() == before


def test_a_file_of_a_program_that_is_not_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"training_method": "LORA", "learning_rate_scheduler": "CONSTANT"}', encoding="utf-8")
    assert cli.main(["import", str(path)]) == 1
    assert "OneTrainer" in capsys.readouterr().err
