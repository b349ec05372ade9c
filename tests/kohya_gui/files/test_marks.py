"""The tick or cross beside a path: by the sort of thing that its setting asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.files.marks import mark_of
from kohya_gui.files.reach import EVERYWHERE, Reach


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model_index.json").touch()
    (tmp_path / "file.safetensors").touch()
    (tmp_path / "prompts.txt").touch()
    return tmp_path


@pytest.mark.parametrize("kind, name, expected", [
    ("file", "file.safetensors", "ok"), ("file", "folder", "bad"), ("file", "model", "ok"), ("file", "gone", "bad"),
    ("folder", "folder", "ok"), ("folder", "file.safetensors", "bad"), ("folder", "gone", "bad"),
    ("output", "folder", "ok"), ("output", "gone/deep", "new"), ("output", "file.safetensors", "bad"),
    ("output", "file.safetensors/below", "bad"), ("output", "x" * 300, "bad"),
    ("result", "new.safetensors", "new"), ("result", "file.safetensors", "bad"), ("result", "folder", "bad"),
    ("prompts", "prompts.txt", "ok"), ("prompts", "gone.txt", "bad"), ("state", "folder", "ok"),
    ("yaml", "gone.yaml", "bad"), ("adapter", "file.safetensors", "ok"), ("image", "gone.png", "bad"),
])  # fmt: skip
def test_a_path_is_marked_by_what_its_setting_asks_for(place: Path, kind, name: str, expected: str):
    found = mark_of(kind, f"{place}/{name}", EVERYWHERE)
    assert found is not None and found.sign == expected


@pytest.mark.parametrize("kind, value", [
    ("file", ""), ("file", None), ("file", 3), ("file", "runwayml/stable-diffusion-v1-5"), ("state", "last"),
    ("layers", "full"), ("image", "data:image/png;base64,AAAA"), ("prompts", "a dog --n cat"), ("folder", "a\0b"),
])  # fmt: skip
def test_what_is_no_path_has_no_mark(kind, value):
    assert mark_of(kind, value, EVERYWHERE) is None


def test_quotes_and_addresses_are_taken_off_first(place: Path):
    for text in (f'"{place / "folder"}"', (place / "folder").as_uri(), f"  {place / 'folder'}\n"):
        found = mark_of("folder", text, EVERYWHERE)
        assert found is not None and found.sign == "ok"


def test_of_several_files_the_one_that_is_missing_counts(place: Path):
    there = str(place / "file.safetensors")
    assert getattr(mark_of("adapters", f"{there}\n{there}\n", EVERYWHERE), "sign", None) == "ok"
    assert getattr(mark_of("adapters", f"{there}\n{place}/gone.pt", EVERYWHERE), "sign", None) == "bad"
    assert mark_of("adapters", "\n", EVERYWHERE) is None


def test_nothing_is_told_of_what_the_page_may_not_show(place: Path):
    assert mark_of("folder", str(place), Reach((place / "folder",))) is None
