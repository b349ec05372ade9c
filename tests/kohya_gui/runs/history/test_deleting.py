"""Deleting a run removes what it wrote, and nothing that anybody else wrote or changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui.runs.history.deleting import belongings, delete
from kohya_gui.runs.queue.queueing import enqueue
from tests.kohya_gui.runs.history.conftest import MakeRun
from train_core.config.places import runs_dir
from train_core.config.problems import UserError
from train_core.facts.run.states import INFO, PARTS, TENSORS

NAME = "20260101-000000-a"
AFTER = 2_000_000_000.0


def picture(path: Path) -> tuple[str, float, dict[str, object]]:
    return "sample", 1.0, {"path": str(path), "prompt": "p", "index": 0, "step": 1, "epoch": 1, "seed": 1}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder with files of a run, and one file and one picture of somebody else."""
    out = tmp_path / "out 家"
    (out / "sample").mkdir(parents=True)
    (out / "a-000001-state").mkdir()
    for name in ("a.safetensors", "a-000001.safetensors", "mine.safetensors", "sample/a.png", "sample/mine.png",
                 *(f"a-000001-state/{part}" for part in (INFO, PARTS, TENSORS))):  # fmt: skip
        (out / name).write_bytes(b"x" * 100)
    return out


@pytest.fixture
def run(make_run: MakeRun, out: Path) -> Path:
    folder = make_run(NAME, [picture(out / "sample" / "a.png"), picture(out / "sample" / "gone.png")])
    rows = [
        [str(out / "a-000001.safetensors"), "epoch", 10, 0], [str(out / "a.safetensors"), "final", 20, 1],
        [str(out / "a-000001-state"), "epoch state", 10, 0], [str(out / "removed.safetensors"), "epoch", 5, 0],
    ]  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(rows), "utf-8")
    return folder


def left(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*"))


def test_a_run_goes_with_what_it_wrote(run: Path, out: Path) -> None:
    found = belongings(run)
    assert {path.name for path in found.files} == {"a.safetensors", "a-000001.safetensors", "a-000001-state", "a.png"}
    assert found.bytes >= 600
    delete(NAME, with_files=True)
    assert left(out) == ["mine.safetensors", "sample", "sample/mine.png"]
    assert not list(runs_dir().iterdir())


def test_the_record_can_go_alone(run: Path, out: Path) -> None:
    before = left(out)
    delete(NAME, with_files=False)
    assert left(out) == before
    assert not run.exists()


def test_what_was_changed_after_the_run_stays(run: Path, out: Path) -> None:
    os.utime(out / "a.safetensors", (AFTER, AFTER))
    os.utime(out / "a-000001-state" / INFO, (AFTER, AFTER))
    assert {path.name for path in belongings(run).changed} == {"a.safetensors", "a-000001-state"}
    delete(NAME, with_files=True)
    assert {"a.safetensors", "a-000001-state", f"a-000001-state/{INFO}"} <= set(left(out))


def test_what_people_put_into_a_states_folder_stays(run: Path, out: Path) -> None:
    (out / "a-000001-state" / "my notes.txt").write_text("mine")
    delete(NAME, with_files=True)
    assert [name for name in left(out) if "state" in name] == ["a-000001-state", "a-000001-state/my notes.txt"]


def test_an_empty_folder_of_pictures_goes_too(run: Path, out: Path) -> None:
    (out / "sample" / "mine.png").unlink()
    delete(NAME, with_files=True)
    assert left(out) == ["mine.safetensors"]


def test_regularisation_images_stay_for_later_runs(make_run: MakeRun, tmp_path: Path) -> None:
    image = tmp_path / "reg" / "1_dog" / "dog_1.png"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"x")
    make_run(NAME, [picture(image)])
    delete(NAME, with_files=True)
    assert image.exists()


@pytest.mark.parametrize("manifest", ["", "{", "[[1]]", '[["a", "epoch", "x", 0]]', "5"])
def test_a_damaged_list_of_files_removes_no_file(run: Path, out: Path, manifest: str) -> None:
    (run / "manifest.json").write_text(manifest, "utf-8")
    delete(NAME, with_files=True)
    assert {"a.safetensors", "mine.safetensors"} <= set(left(out))


def test_a_run_at_work_is_not_deleted(run_job: Callable[..., Path]) -> None:
    folder = run_job("train")
    with pytest.raises(UserError, match="still running"):
        delete(folder.name, with_files=True)
    assert folder.exists()


def test_a_run_in_the_queue_is_not_deleted(run: Path) -> None:
    enqueue(run)
    with pytest.raises(UserError, match="queue"):
        delete(NAME, with_files=True)
    assert run.exists()


@pytest.mark.parametrize("name", ["..", "../x", "", "20260101-000000-b", "20260101-000000-../../x"])
def test_nothing_outside_of_the_runs_is_deleted(run: Path, name: str) -> None:
    with pytest.raises(UserError):
        delete(name, with_files=True)
    assert run.exists()
