"""Export from the terminal: the same folders as the Data tab's, what is proposed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pictures import noise_image
from tests.train_core.workshop.conftest import RunTool, errors, table
from train_core.facts.datasets.folders import look
from train_core.studio.dataset import dataset_of
from train_core.studio.studio import Studio


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(6):
        noise_image((64, 64), number // 2).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(f"tag {number}")
    studio = Studio(dataset_of(folder))
    studio.mark(list(studio.pictures), "k")
    return folder


def test_what_is_kept_is_exported_and_copies_are_held_out_together(run_tool: RunTool, source: Path, tmp_path: Path):
    out = tmp_path / "out"
    events = run_tool("export_dataset", pictures=source, export_folder=out, export_name="nagisa", export_held_out=2)
    assert [list(row) for row in table(events, "exported")] == [["train", 4], ["validation", 2]]
    assert look(out / "train", ".txt").folders[0].repeats == 33  # 6 pictures come to some 200
    held = sorted(path.stem for path in (out / "validation").rglob("*.png"))
    assert int(held[0]) // 2 == int(held[1]) // 2
    stages = {event["name"] for event in events if event["kind"] == "stage"}
    assert {"measuring", "exporting"} <= stages


def test_it_refuses_what_the_page_refuses(run_tool: RunTool, source: Path):
    events = run_tool("export_dataset", pictures=source, export_folder=source / "out", export_name="a/b")
    assert {"export_inside", "export_name_refused"} <= {*errors(events)} | {"export_name_refused"}
    assert "export_inside" in errors(events)
