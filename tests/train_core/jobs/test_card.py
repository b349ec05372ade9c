"""Files written beside a result for software that lists adapters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors import safe_open

from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run


def test_preview_and_card_stand_beside_the_result(prepare: Prepare, tmp_path: Path) -> None:
    said = {"metadata_trigger_phrase": "zuko", "metadata_description": "一只狗", "metadata_usage_hint": "at 0.8"}
    events = run(
        prepare("result", save_card=True, preferred_weight=0.8, max_train_epochs=1, **said,
                sample_prompts="a dog --w 64 --h 64 --s 1")
    )  # fmt: skip
    result = Path(events[-1]["path"])
    card = json.loads(result.with_suffix(".json").read_text(encoding="utf-8"))
    assert card == {
        "description": "一只狗", "sd version": "SD1", "activation text": "zuko", "preferred weight": 0.8,
        "notes": "at 0.8",
    }
    newest = Path(kinds(events, "sample")[-1]["path"])
    assert Image.open(result.with_suffix(".preview.png")).tobytes() == Image.open(newest).tobytes()


def test_without_it_nothing_is_there(prepare: Prepare, tmp_path: Path) -> None:
    result = Path(run(prepare("result", max_train_epochs=1))[-1]["path"])
    assert not result.with_suffix(".json").exists()
    assert not result.with_suffix(".preview.png").exists()


@pytest.mark.parametrize(
    ("depth", "has_folders", "has_training"),
    [("full", True, True), ("no names", False, True), ("minimal", False, False)],
)
def test_metadata_in_three_depths(
    depth: str, has_folders: bool, has_training: bool, prepare: Prepare, tmp_path: Path
) -> None:
    path = run(prepare("result", metadata_depth=depth, max_train_epochs=1))[-1]["path"]
    with safe_open(path, "pt") as file:
        said: dict[str, Any] = file.metadata()
    whole = json.dumps(said, ensure_ascii=False)
    assert ("2_zuko dog" in whole) == has_folders
    assert ("ss_learning_rate" in said) == has_training
    assert said["ss_base_model_version"] == "sd_v1"
    assert said["ss_network_dim"] == "4"
    if depth == "no names":
        assert str(tmp_path) not in whole
