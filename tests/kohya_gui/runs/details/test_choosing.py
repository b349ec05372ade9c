"""Good and bad pictures, and keeping the file of an epoch without losing another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui.runs import control
from kohya_gui.runs.details.choosing import mark, use_step
from kohya_gui.runs.details.record import record_of
from kohya_gui.runs.history.notes import read_notes
from train_core.config.problems import UserError

Trained = Callable[..., Path]


def test_a_mark_belongs_to_the_run_and_is_taken_back(trained: Trained) -> None:
    folder = trained()
    name = Path(record_of(folder).samples[2].path).name
    assert mark(folder, name, "good").marks == {name: "good"}
    assert mark(folder, name, "bad").marks == {name: "bad"}
    assert mark(folder, name, "").marks == {} == read_notes(folder).marks


@pytest.mark.parametrize("name", ["", "other.png", "../config.toml", "fox-000001.safetensors"])
def test_only_the_runs_pictures_can_be_marked(trained: Trained, name: str) -> None:
    folder = trained()
    with pytest.raises(UserError, match="not a sample picture"):
        mark(folder, name, "good")
    assert not (folder / "notes.json").exists()


def test_the_file_of_the_nearest_epoch_is_copied_under_a_free_name(trained: Trained, tmp_path: Path) -> None:
    folder, out = trained(), tmp_path / "out"
    before = {path: path.read_bytes() for path in out.glob("*.safetensors")}
    assert use_step(folder, 19) == out / "fox-000002-chosen.safetensors"
    assert use_step(folder, 20) == out / "fox-000002-chosen-2.safetensors"
    (out / "fox-000001-chosen.safetensors").symlink_to(out / "nowhere")
    assert use_step(folder, 0) == out / "fox-000001-chosen-2.safetensors"
    assert (out / "fox-000002-chosen.safetensors").read_bytes() == b"\x02" * 200
    assert before == {path: path.read_bytes() for path in before}
    assert not list(out.glob(".*"))


def test_a_drive_without_links_gets_the_copy_too(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    folder, out = trained(), tmp_path / "out"
    (out / "fox-000003-chosen.safetensors").write_text("mine")
    assert use_step(folder, 30) == out / "fox-000003-chosen-2.safetensors"
    assert (out / "fox-000003-chosen.safetensors").read_text() == "mine"
    assert not list(out.glob(".*"))


def test_a_run_without_files_has_none_to_use(trained: Trained, tmp_path: Path) -> None:
    folder = trained()
    for path in (tmp_path / "out").glob("*.safetensors"):
        path.unlink()
    with pytest.raises(UserError, match="No file"):
        use_step(folder, 10)


def test_a_run_at_work_is_asked_to_stop_and_one_that_has_ended_is_not(
    trained: Trained, run_job: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(control, "stop", asked.append)
    ended = trained()
    use_step(ended, 10)
    assert asked == []
    monkeypatch.setattr("kohya_gui.runs.details.choosing.read_run", lambda folder: Working())
    use_step(ended, 10)
    assert asked == [ended]


class Working:
    status = "running"
