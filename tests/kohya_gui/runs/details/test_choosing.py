"""Good and bad pictures, and keeping the file of an epoch without losing another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui.runs.details.choosing import mark, use_step
from kohya_gui.runs.details.record import record_of
from kohya_gui.runs.history.notes import read_notes
from kohya_gui.runs.registry import read_run
from tests.kohya_gui.runs.conftest import wait_until
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


def test_a_run_at_work_ends_after_its_epoch_is_kept(run_job: Callable[..., Path], tmp_path: Path) -> None:
    folder, result = run_job("train"), tmp_path / "x-000001.safetensors"
    wait_until(lambda: status(folder) == "running")
    result.write_bytes(b"learnt")
    (folder / "manifest.json").write_text(json.dumps([[str(result), "epoch", 1, 1]]))
    assert use_step(folder, 1).read_bytes() == b"learnt"
    wait_until(lambda: status(folder) == "stopped")
    assert sorted(path.name for path in tmp_path.glob("*.safetensors")) == [
        "x-000001-chosen.safetensors", "x-000001.safetensors"
    ]
    use_step(folder, 1)  # it has ended, so there is nothing to stop
    assert not list((folder / "control").iterdir())


def status(folder: Path) -> str:
    run = read_run(folder)
    assert run is not None
    return run.status
