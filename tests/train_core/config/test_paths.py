"""Paths as people paste them are cleaned wherever a setting names one; those of another system are told apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from train_core.config.checks.paths import foreign_inputs
from train_core.config.clean_paths import clean_path, system_of
from train_core.config.files import check_tool, check_values, read_config
from train_core.config.jobs.tools import MergeLora
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.paths import absolute_path, absolute_paths
from train_core.config.problems import UserError

NEEDED = {"pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/images", "output_dir": "/out"}
posix = pytest.mark.skipif(os.name == "nt", reason="says what other systems do with Windows' paths")


@pytest.mark.parametrize(("written", "meant"), [
    ('"C:\\my pictures\\a.png"', "C:\\my pictures\\a.png"), ("'/a b'", "/a b"), ("  /a b \t", "/a b"),
    ("“/a”", "/a"), ("\u202aC:\\a", "C:\\a"), ('" /a "', "/a"), ("'\"/a\"'", "/a"), ("\ufeff/a\n", "/a"),
    ("file:///home/a%20b", "/home/a b"), ("file:///C:/a%20b", "C:/a b"), ("FILE://localhost/a", "/a"),
    ("file://server/share/a", "//server/share/a"), ("file:/a", "/a"), ('"file:///a"', "/a"),
    ("/it's", "/it's"), ("/100%", "/100%"), ("", ""), ('"', '"'), ('""', ""), ("/a%20b", "/a%20b"), ("　/a　", "/a"),
])  # fmt: skip
def test_what_copying_leaves_around_a_path_is_taken_off(written: str, meant: str) -> None:
    assert clean_path(written) == meant


@posix
@pytest.mark.parametrize("name", [s.name for s in TrainConfig.settings() if s.traits.path])
def test_every_path_is_cleaned(tmp_path: Path, name: str) -> None:
    kind = {s.name: s.traits.path for s in TrainConfig.settings()}[name]
    ending = ".toml" if kind in ("layers", "prompts") else ""
    written, meant = f' "file://{tmp_path}/a%20b{ending}" ', f"{tmp_path}/a b{ending}"
    if kind in ("adapters", "embeddings"):
        written = f"{written}\n{written}"
    parsed = parse_values(TrainConfig, absolute_paths({name: written}, Path("/"), TrainConfig))
    assert parsed.config is not None, parsed.errors
    assert parsed.config.flat()[name] == ([meant, meant] if kind in ("adapters", "embeddings") else meant)


@posix
def test_paths_of_files_and_of_the_command_line_are_clean(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("""
        config_version = 1
        pretrained_model_name_or_path = ' "/m.safetensors"'
        train_data_dir = '"images"'
        output_dir = "'/out'"
        resume = '"last"'
        """, encoding="utf-8")
    config = read_config(file, {"vae": '"/v.safetensors"'}).config
    assert config.dataset.train_data_dir == str(tmp_path / "images")
    assert (config.output.output_dir, config.model.vae) == ("/out", "/v.safetensors")
    assert (config.model.pretrained_model_name_or_path, config.resume.resume) == ("/m.safetensors", "last")
    named = read_config(file, {"pretrained_model_name_or_path": ' "owner/name"'}).config.model
    assert named.pretrained_model_name_or_path == "owner/name"


@posix
def test_a_tools_paths_are_clean(tmp_path: Path) -> None:
    tool = check_tool(MergeLora, {"adapters": "'/a.safetensors'\n\"/b.safetensors\" ", "save_to": "file:///c d"}, "x")
    assert tool.flat()["adapters"] == ["/a.safetensors", "/b.safetensors"]
    assert tool.flat()["save_to"] == "/c d"


@posix
def test_relative_paths_may_be_written_as_windows_does(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert absolute_path("a\\b", tmp_path) == tmp_path / "a" / "b"
    (tmp_path / "a\\b").mkdir()
    assert absolute_path("a\\b", tmp_path) == tmp_path / "a\\b"


def test_paths_of_another_system_are_told_apart(tmp_path: Path) -> None:
    assert system_of("F:\\lora", on_windows=False) == system_of("f:/lora", on_windows=False) == "Windows"
    assert system_of("\\\\server\\share", on_windows=False) == "Windows"
    assert system_of("/no_such_folder_at_all/lora", on_windows=True) == "Linux/macOS"
    for path in (str(tmp_path), "owner/name", "lora", "\\\\server\\share", "F:\\lora"):
        assert system_of(path, on_windows=True) is None or not Path(path).exists()
    assert system_of("/home", on_windows=False) is None
    assert system_of("a:b", on_windows=False) is None


@posix
def test_nothing_is_written_to_a_path_of_another_system() -> None:
    with pytest.raises(UserError) as error:
        check_values({**NEEDED, "output_dir": "F:\\lora"}, "x", {})
    assert [found.code for found in error.value.problems] == ["output_of_another_system"]
    with pytest.raises(UserError) as error:
        check_tool(MergeLora, {"adapters": ["/a", "F:\\b"], "save_to": "F:\\c"}, "x")
    assert [found.code for found in error.value.problems] == ["output_of_another_system", "path_of_another_system"]


@posix
def test_a_path_of_another_system_to_read_is_asked_for() -> None:
    config = check_values({**NEEDED, "train_data_dir": "F:\\images"}, "x", {}).config
    (found,) = foreign_inputs(config)
    assert (found.code, found.params["name"]) == ("path_of_another_system", "train_data_dir")
