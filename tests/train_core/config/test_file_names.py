"""Names and paths that Windows refuses."""

from __future__ import annotations

import pytest

from train_core.config.file_names import LONGEST_PATH, refused_name, refused_path


@pytest.mark.parametrize("name", ["con", "CON.safetensors", "nul .x", "Lpt9.tar", "com¹", "conout$", "a:b", "a?", "\t"])
def test_names_of_devices_and_letters_with_a_meaning_are_refused(name: str) -> None:
    assert refused_name(name) is not None


@pytest.mark.parametrize("name", ["console", "com", "com10", "nul-1.safetensors", "a.con", "100% & ^画！", "..."])
def test_names_that_only_look_like_them_are_not(name: str) -> None:
    assert refused_name(name) is None


def test_drives_and_shares_are_no_names() -> None:
    assert refused_path("C:\\a\\b.safetensors", True) is None
    assert refused_path("\\\\server\\share\\a", True) is None
    assert "aux" in str(refused_path("C:\\a\\aux\\b.safetensors", True))
    assert ":" in str(refused_path("C:\\a\\b:c.safetensors", True))


@pytest.mark.parametrize("name", ["out.", "out..", "out ", "out. .", "..."])
def test_folders_and_files_that_would_lose_the_end_of_their_name_are_refused(name: str) -> None:
    assert f"'{name}'" in str(refused_path(f"C:\\a\\{name}", True))
    assert f"'{name}'" in str(refused_path(f"C:\\{name}\\b.safetensors", True))
    assert refused_path("C:\\a\\..\\.hidden\\.\\b..c d\\zuko..safetensors", True) is None


def test_a_long_path_is_refused_where_long_paths_are_turned_off() -> None:
    path = "C:\\" + "x\\" * 200
    assert refused_path(path, True) is None
    assert str(LONGEST_PATH) in str(refused_path(path, False))
    assert refused_path(path[:LONGEST_PATH], False) is None
