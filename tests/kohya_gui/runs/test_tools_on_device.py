"""A tool that computes on the device keeps trainings from starting, and waits for them; other tools do neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.runs import launch, occupancy
from train_core.config.jobs import table
from train_core.facts.run.run_folders import make_run_folder


@pytest.mark.parametrize(("tool", "blocks"), [("caption_pictures", True), ("tag_pictures", False)])
def test_a_training_waits_for_a_tool_that_uses_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, blocks: bool
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    training, other = table.job_of("train"), table.job_of("merge_lora")
    assert launch.may_start(table.job_of(tool)) is None
    folder = make_run_folder(table.job_of(tool), table.job_of(tool)())
    for module in (launch, occupancy):
        monkeypatch.setattr(module, "active_tool", lambda: folder)
    refusals = [launch.may_start(job) for job in (training, other, table.job_of(tool))]
    assert [found and found.code for found in refusals] == [
        "tool_active" if blocks else None, "tool_active", "tool_active",
    ]  # fmt: skip
    assert sum(occupancy.occupied().values()) == int(blocks)
