"""Files and states that stay, their names, and what happens when the drive is full."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run
from train_core.facts.run.states import read_state
from train_core.models.files import writing


def names(out: Path, ending: str = ".safetensors") -> set[str]:
    return {path.name.removesuffix(ending) for path in out.iterdir() if path.name.endswith(ending)}


@pytest.mark.parametrize(
    ("settings", "files", "states"),
    [
        ({"save_every_n_epochs": 1, "save_last_n_epochs": 2}, {"a-000002", "a-000003", "a"}, set()),
        ({"save_every_n_steps": 2, "save_last_n_steps": 3}, {"a-step00000006", "a-step00000008", "a"}, set()),
        (
            {"save_every_n_epochs": 1, "save_last_n_epochs": 1, "save_state": True},
            {"a-000003", "a"}, {"a-000003", "a"},
        ),
        (
            {"save_every_n_epochs": 1, "save_last_n_epochs_state": 1, "save_state": True},
            {"a-000001", "a-000002", "a-000003", "a"}, {"a-000003", "a"},
        ),
        ({"save_state_every_n_steps": 3, "save_last_n_steps_state": 2}, {"a"}, {"a-step00000006"}),
        ({"save_state_on_train_end": True}, {"a"}, {"a"}),
        ({"save_n_epoch_ratio": 2}, {"a-000002", "a"}, set()),
        ({"save_every_n_epochs": 3, "number_last": True}, {"a-000003", "a-000004"}, set()),
        ({"save_every_n_steps": 4, "number_last": True}, {"a-step00000004", "a-step00000008"}, set()),
        ({"max_train_epochs": 0, "max_train_steps": 3, "number_last": True}, {"a-step00000003"}, set()),
    ],
)  # fmt: skip
def test_these_files_and_states_stay(
    prepare: Prepare, tmp_path: Path, settings: dict[str, Any], files: set[str], states: set[str]
) -> None:
    run(prepare("a", **{"train_batch_size": 4, "max_train_epochs": 4, **settings}))  # two steps an epoch
    assert names(tmp_path / "out") == files
    assert names(tmp_path / "out", "-state") == states


def test_keep_last_removes_only_what_this_run_wrote(prepare: Prepare, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "b-step00000001.safetensors").write_text("of another run")
    (out / "a-000001-copy.safetensors").write_text("the user's")
    run(prepare("a", save_every_n_steps=1, save_last_n_steps=1))
    assert {"b-step00000001", "a-000001-copy"} < names(out)


def test_a_full_drive_on_the_way_leaves_the_file_before_whole_and_the_run_goes_on(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file = Path.open

    def fill_up(path: Path) -> None:
        if "step00000004" in str(path):
            with open_file(Path(path), "wb") as file:
                file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    def opened(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if mode == "wb" and ".tmp" in str(path):
            fill_up(path)
        return open_file(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", opened)
    events = run(prepare("a", save_every_n_steps=2, save_state=True))
    assert events[-1]["status"] == "completed"
    assert [event["code"] for event in kinds(events, "warning") if "written" in event["code"]] == [
        "file_not_written", "state_not_written",
    ]  # fmt: skip
    assert names(tmp_path / "out") == {"a-step00000002", "a-step00000006", "a-step00000008", "a"}
    assert read_state(tmp_path / "out" / "a-step00000002-state").step == 2
    assert not list((tmp_path / "out").glob(".*"))


def test_a_drive_too_full_for_the_result_ends_the_run_with_one_clear_message(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "bytes_of", full)
    events = run(prepare("a"))
    assert [event["code"] for event in kinds(events, "error")] == ["file_not_written"]
    assert events[-1]["status"] == "failed"
    assert names(tmp_path / "out") == set()
