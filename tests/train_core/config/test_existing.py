"""Names from outside are looked for without an error, whatever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_core.config.existing import exists, is_dir, is_file, is_out_of_reach

ASKED = (exists, is_file, is_dir, is_out_of_reach)


def test_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    assert [ask(file) for ask in ASKED] == [True, True, False, False]
    assert [ask(tmp_path) for ask in ASKED] == [True, False, True, False]
    assert [ask(file / "below") for ask in ASKED] == [False] * 4


@pytest.mark.parametrize("name", ["x" * 300, "x" * 9_000, "画" * 100, "x/" * 5_000, "a\0b", "\ud800"])
def test_there_is_nothing_of_a_name_that_cannot_be(tmp_path: Path, name: str) -> None:
    assert [ask(tmp_path / name) for ask in ASKED] == [False] * 4


def test_what_may_not_be_looked_at_is_told_from_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "stat", denied)
    assert [ask(Path("there")) for ask in ASKED] == [False, False, False, True]
