"""What the panel says of a result's size is what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.event_lines import read_events
from tests.tiny import tiny_file
from tests.train_core.jobs.conftest import *  # noqa: F403 - fixtures of a tiny training job
from tests.train_core.jobs.conftest import Prepare
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir
from train_core.facts.adapters.model_measures import measures_of_chosen
from train_core.facts.run.result_size import result_bytes
from train_core.jobs.start import start_job

METHODS: dict[str, dict[str, Any]] = {
    "LoRA": {"network_dim": 4},
    "DreamBooth": {},
    "unet alone": {"training_method": "fine-tuning", "network_train_unet_only": True, "save_precision": "float"},
    "textual inversion": {"token_string": "zuko", "num_vectors_per_token": "3"},
    "hypernetwork": {"layer_structure": "1, 2, 2, 1", "add_layer_norm": True, "save_precision": "float"},
}


@pytest.mark.jobs
@pytest.mark.parametrize("name", METHODS)
def test_it_is_the_size_of_what_is_written(prepare: Prepare, name: str) -> None:
    settings = {"training_method": name, "max_train_epochs": 1, "sample_prompts": "", **METHODS[name]}
    path = prepare("sized", **settings)
    config = read_config(path).config
    expected = result_bytes(config, measures_of_chosen(config.model))
    assert expected is not None
    assert start_job(TrainConfig, path, {}) == 0
    (folder,) = runs_dir().iterdir()
    written = Path(read_events(folder / "events.jsonl")[-1]["path"])
    if written.suffix == ".pt":
        assert expected <= written.stat().st_size <= expected + 60_000  # each of its tensors is a file in a zip
    else:
        header = 8 + int.from_bytes(written.read_bytes()[:8], "little")
        assert expected == written.stat().st_size - header


def test_without_a_base_model_nothing_is_said(prepare: Prepare) -> None:
    assert tiny_file().is_file()
    assert result_bytes(read_config(prepare("sized")).config, None) is None
