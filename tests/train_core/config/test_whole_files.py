"""Files that are written whole: readers see the old one or the new one, and a failure leaves the old one alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from train_core.config.whole_files import remove_leftovers, write_text, write_whole


def test_the_old_file_stands_until_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "家.txt"
    write_text(path, "old\n")
    with write_whole(path) as temporary:
        temporary.write_text("new")
        assert path.read_text(encoding="utf-8") == "old\n"
    assert path.read_text(encoding="utf-8") == "new"
    assert os.listdir(path.parent) == ["家.txt"]  # noqa: PTH208 - hidden names too


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_what_ends_before_its_time_leaves_the_old_one_and_nothing_else(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    write_text(tmp_path / "a", "old")
    with pytest.raises(failure), write_whole(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise failure
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


@pytest.mark.parametrize("durable", [False, True])
def test_a_folder_takes_the_place_of_another(tmp_path: Path, durable: bool) -> None:
    for content in ("old", "new"):
        with write_whole(tmp_path / "folder", durable) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_file_never_takes_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious").touch()
    with pytest.raises(OSError):
        write_text(tmp_path / "mine", "text")
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "precious"]


def left_half_written(path: Path) -> Path:
    """The temporary folder for `path` as a process leaves it that is killed while it writes."""
    with write_whole(path) as temporary:
        temporary.mkdir()
    path.rmdir()
    temporary.mkdir()
    (temporary / "half").touch()
    return temporary


def test_what_a_killed_process_left_half_written_goes_for_the_named_paths_alone(tmp_path: Path) -> None:
    names = ["zuko-state", "長" * 80 + "-state"]  # the second too long for a temporary name to contain all of it
    ours = [left_half_written(tmp_path / name) for name in names]
    others = [left_half_written(tmp_path / name) for name in ("zuko-2-state", "zuko-state.old", "長" * 60 + "-state")]
    remove_leftovers([tmp_path / name for name in (*names, "missing")] + [tmp_path / "gone" / "zuko-state"])
    assert not any(path.exists() for path in ours)
    assert all((path / "half").exists() for path in others)
