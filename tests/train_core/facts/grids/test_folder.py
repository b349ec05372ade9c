"""The folder of a grid: what is written is read, broken files are refused, marks survive a line that was cut short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train_core.config.problems import UserError
from train_core.facts.grids.folder import AxisFacts, GridFacts, GridFolder, PictureFacts
from train_core.facts.grids.marks import MARKS_FILE, add_mark, read_marks

PICTURE = PictureFacts(
    prompt="一只猫", negative_prompt="", width=64, height=64, seed=1, steps=2, scale=3.5, sampler="ddim", model="base",
)  # fmt: skip
GRID = GridFacts(
    axes=(AxisFacts(kind="seed", labels=("1", "2")),), cells=("aaaaaaaa", "bbbbbbbb"), without=("aaaaaaaa",) * 2,
    pictures={"aaaaaaaa": PICTURE, "bbbbbbbb": PICTURE},
)  # fmt: skip


def test_what_is_written_is_read_and_pictures_are_found_by_name(tmp_path: Path) -> None:
    folder = GridFolder(tmp_path)
    assert folder.facts() is None
    assert folder.drawn() == set()
    folder.write(GRID)
    folder.picture("bbbbbbbb").parent.mkdir()
    folder.picture("bbbbbbbb").touch()
    assert folder.facts() == GRID
    assert folder.drawn() == {"bbbbbbbb"}


def test_a_grid_that_is_set_aside_has_its_pictures_and_marks(tmp_path: Path) -> None:
    folder = GridFolder(tmp_path / "fox")
    folder.write(GRID)
    folder.picture("bbbbbbbb").parent.mkdir()
    folder.picture("bbbbbbbb").write_bytes(b"picture")
    add_mark(folder.path, "bbbbbbbb", "good")
    aside = [GridFolder(folder.set_aside()) for _ in range(2)]
    assert [one.path.name for one in aside] == ["fox (2)", "fox (3)"]
    for one in aside:
        assert one.facts() == GRID
        assert one.picture("bbbbbbbb").read_bytes() == b"picture"
        assert read_marks(one.path) == {"bbbbbbbb": "good"}


@pytest.mark.parametrize("change", [
    {"cells": ["aaaaaaaa"]}, {"cells": ["aaaaaaaa", "cccccccc"]}, {"axes": "none"}, {"pictures": {"aaaaaaaa": {}}},
    {"pictures": {name: PICTURE.model_dump(mode="json") for name in ("aaaaaaaa", "bbbbbbbb", "../cccccccc")}},
])  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, change: dict) -> None:
    stored = {**GRID.model_dump(mode="json"), **change}
    (tmp_path / "grid.json").write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        GridFolder(tmp_path).facts()
    assert [found.code for found in refused.value.problems] == ["grid_unreadable"]


def test_the_last_mark_counts_even_after_a_line_that_was_cut_short(tmp_path: Path) -> None:
    assert read_marks(tmp_path) == {}
    add_mark(tmp_path, "aaaaaaaa", "good")
    add_mark(tmp_path, "bbbbbbbb", "bad")
    with (tmp_path / MARKS_FILE).open("ab") as file:
        file.write(b'{"picture": "cccc')
    add_mark(tmp_path, "aaaaaaaa", "bad")
    add_mark(tmp_path, "bbbbbbbb", "none")
    assert read_marks(tmp_path) == {"aaaaaaaa": "bad"}
