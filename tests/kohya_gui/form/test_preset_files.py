"""A user's presets are renamed, grouped and taken away; the program's stay, and no file is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.form import presets
from kohya_gui.form.preset_files import DELETED, delete_preset, rename_preset, start_with
from kohya_gui.i18n.messages import dictionary
from kohya_gui.preferences import preferences
from kohya_gui.views.presets_html import ABOUT
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, presets_dir
from train_core.config.problems import UserError
from train_core.config.sections.network import NetworkSettings

MINE = TrainConfig(network=NetworkSettings(network_dim=7))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    return tmp_path


def own() -> list[str]:
    return [key for key in presets.list_presets() if not presets.is_program_preset(key)]


def code(error: pytest.ExceptionInfo[UserError]) -> str:
    return error.value.problems[0].code


def test_a_preset_is_renamed_into_a_group_and_out_of_it() -> None:
    key = rename_preset(presets.save_preset_as("ann", MINE), "faces / Ann 家")
    assert (own(), presets.group_of(key), presets.name_of(key)) == (["user:faces/Ann 家"], "faces", "Ann 家")
    assert presets.load_preset(key)[0]["network_dim"] == 7
    assert rename_preset(key, "ann") == "user:ann"
    assert [path.name for path in presets_dir().iterdir()] == ["ann.json"]  # the empty group is gone


def test_no_preset_is_renamed_over_another_or_out_of_the_folder() -> None:
    first, second = presets.save_preset_as("first", MINE), presets.save_preset_as("second", TrainConfig())
    for name, expected in (
        ("second", "preset_exists"), ("../out", "bad_preset_name"), ("a//b", "bad_preset_name"),
        (".deleted/x", "bad_preset_name"), ("", "bad_preset_name"), ("a/../../b", "bad_preset_name"),
    ):
        with pytest.raises(UserError) as error:
            rename_preset(first, name)
        assert code(error) == expected, name
    assert own() == [first, second]
    assert presets.load_preset(second)[0]["network_dim"] != 7


def test_deleted_presets_are_moved_aside_and_none_over_another() -> None:
    for _ in range(2):
        path = delete_preset(presets.save_preset_as("faces/Ann", MINE))
        assert path.parent == presets_dir() / DELETED
    assert own() == []
    kept = sorted((presets_dir() / DELETED).iterdir())
    assert [file.name for file in kept] == ["Ann (2).json", "Ann.json"]
    kept[1].rename(presets_dir() / "back.json")
    assert presets.load_preset("user:back")[0]["network_dim"] == 7


def test_the_programs_presets_are_neither_renamed_nor_deleted() -> None:
    path = presets.path_of(presets.DEMO)
    for act in (lambda: rename_preset(presets.DEMO, "mine"), lambda: delete_preset(presets.DEMO)):
        with pytest.raises(UserError) as error:
            act()
        assert code(error) == "preset_not_yours"
    assert path.is_file()


def test_the_preset_to_start_with_follows_its_name_and_goes_with_it() -> None:
    key = presets.save_preset_as("usual", MINE)
    start_with(key)
    key = rename_preset(key, "daily")
    assert preferences().start_preset == key
    delete_preset(key)
    assert preferences().start_preset == ""
    with pytest.raises(UserError):
        start_with("user:gone")


def test_every_shipped_preset_says_for_whom_it_is_in_every_language_and_in_the_documentation() -> None:
    page = (app_dir() / "docs" / "presets.md").read_text(encoding="utf-8")
    names = [presets.name_of(key) for key in presets.list_presets() if presets.is_program_preset(key)]
    for name in names:
        for language in ("en", "zh-CN", "zh-TW", "ja"):
            said = [dictionary(language)[f"preset.{name}.{what}"] for what in ABOUT]
            assert all(said), (name, language)
        cells = " | ".join(dictionary("en")[f"preset.{name}.{what}"] for what in ABOUT)
        assert f"| `{name}` | {cells} |" in page
    told = {key.split(".")[1] for key in dictionary("en") if key.startswith("preset.")}
    assert told == set(names)
