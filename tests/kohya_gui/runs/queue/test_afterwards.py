"""Grids that are drawn once a training has ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.runs.follow import follower
from kohya_gui.runs.queue.afterwards import ask, asked
from kohya_gui.runs.queue.runner import Happening, Runner
from kohya_gui.runs.registry import ENDED
from kohya_gui.runs.tools import newest
from tests.kohya_gui.runs.conftest import wait_until
from tests.tiny import tiny_file
from tests.train_core.workshop.conftest import VERSIONS, random_adapter
from tests.trained import trained_run
from train_core.config.places import evaluations_dir, home
from train_core.facts.grids.folder import GridFolder
from train_core.networks.files.adapter_file import save_adapter

RUN = "20260101-000000-fox"


@pytest.fixture
def ended(crucible_home: Path, tmp_path: Path) -> Path:
    folder = trained_run(
        RUN, tmp_path, epochs=1, pretrained_model_name_or_path=str(tiny_file()),
        sample_prompts="a fox --w 64 --h 64 --s 1 --d 1",
    )  # fmt: skip
    said = {"ss_base_model_version": VERSIONS["sd1"]}
    save_adapter(tmp_path / "out" / "fox-000001.safetensors", random_adapter("sd1").state_dict_for_file(), said)
    return folder


def test_the_grid_is_drawn_with_what_the_run_has_saved(ended: Path) -> None:
    ask(RUN, "own")
    runner = Runner()
    assert runner.look()
    assert asked() == {}
    folder = newest()
    assert folder is not None
    wait_until(lambda: follower(folder).view().status in ENDED)
    assert follower(folder).view().status == "completed"
    grid = GridFolder(evaluations_dir() / "fox own")
    facts = grid.facts()
    assert facts is not None
    assert [axis.labels for axis in facts.axes] == [("fox-000001",), ("0.6", "0.8", "1")]
    assert grid.drawn() == facts.pictures.keys()
    assert not runner.look()


def test_what_cannot_be_drawn_is_told_once_and_what_is_not_asked_for_is_not(ended: Path, tmp_path: Path) -> None:
    told: list[Happening] = []
    (tmp_path / "out" / "fox-000001.safetensors").unlink()
    ask(RUN, "own")
    ask("20260101-000000-gone", "own")
    runner = Runner(told.append)
    assert not runner.look()
    assert [(one.what, one.run, [found.code for found in one.problems]) for one in told] == [
        ("refused", RUN, ["nothing_to_evaluate"])
    ]
    assert asked() == {}
    (home() / "evaluate_after.json").write_text("[", encoding="utf-8")
    assert asked() == {}
    assert not runner.look()
