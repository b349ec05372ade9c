"""Results of tools that cannot be written: refused before the work where that can be known, else told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drives import small_drive
from train_core.config.jobs.tools import ResultSettings
from train_core.config.problems import UserError
from train_core.workshop.common.results import result_path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as error:
        result_path(ResultSettings(save_to=str(path)))
    (found,) = error.value.problems
    assert found.params["file"] == str(path)
    return found.code


@pytest.mark.parametrize(
    ("name", "code"),
    [("x" * 250, "file_name_refused"), ("家" * 82, "file_name_refused"), ("a\0b", "file_name_refused"),
     ("家" * 90 + "/a", "file_not_written"), ("a file/b", "file_not_written")],
)  # fmt: skip
def test_a_place_that_no_file_can_have_is_refused_before_the_work(tmp_path: Path, name: str, code: str) -> None:
    (tmp_path / "a file").touch()
    assert refusal(tmp_path / f"{name}.safetensors") == code
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_a_name_that_just_fits_is_taken_and_nothing_is_left_by_the_question(tmp_path: Path) -> None:
    path = tmp_path / "new" / f"{'x' * 243}.safetensors"
    assert result_path(ResultSettings(save_to=str(path))) == path
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    with small_drive(tmp_path / "drive", 100) as drive:
        (drive.path / "out").mkdir()
        drive.make_read_only(drive.path / "out")
        assert refusal(drive.path / "out" / "a.safetensors") == "file_not_written"
