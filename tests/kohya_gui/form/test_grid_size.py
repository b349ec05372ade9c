"""What is said of a grid while its axes are typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.form.grid_size import Said, grid_said
from tests.tiny import tiny_file
from train_core.config.jobs.grids import DrawGrid


def said(tmp_path: Path, axes: list[str], **more: object) -> Said:
    (tmp_path / "fox-000001.safetensors").touch()
    settings = {
        "grid_axes": axes, "draw_model": str(tiny_file()), "draw_prompts": "a cat", "draw_folders": [str(tmp_path)],
        "draw_resolution": "1024", **more,
    }  # fmt: skip
    return grid_said(DrawGrid.from_flat(settings), "en")


def test_its_size_is_said_before_anything_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    found = said(tmp_path, ["file: fox-*", "weight: 0, 0.5, 1", "seed: 1-4"])
    assert "Cells of the grid: 12. Different pictures: 12, some 20 MB" in found.note
    assert found.message == ""


def test_what_is_wrong_with_axes_is_said_under_them_and_nothing_while_there_are_none(tmp_path: Path) -> None:
    assert "there is no axis colour" in said(tmp_path, ["colour: red"]).message
    assert "A prompt names owl" in said(tmp_path, ["file: owl"]).message
    assert said(tmp_path, ["  "]) == said(tmp_path, ["seed: 1"], draw_prompts="") == Said()
    assert said(tmp_path, ["seed: 1"], draw_model="/nowhere") == Said()  # which is said at that field
