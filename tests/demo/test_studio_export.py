"""From the Data tab to a LoRA: what is kept and exported trains without a remark, and the judge accepts the result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from demo.base_file import load_pipeline
from demo.judge_base import BASE, judge_mascot
from tests.event_lines import read_events
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, program_presets_dir, runs_dir
from train_core.jobs.start import start_job
from train_core.studio.dataset import dataset_of
from train_core.studio.exporting.export import export
from train_core.studio.exporting.plan import Plan
from train_core.studio.studio import Studio

PRESET = program_presets_dir() / "lora" / "demo.json"
PICTURES = app_dir() / "demo" / "images" / "30_crux robot"


@pytest.mark.slow  # the demo's whole training, and a picture for each of 32 prompts
def test_what_is_kept_is_trained_on_without_a_remark_and_the_judge_accepts_the_lora(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    shutil.copytree(PICTURES, tmp_path / "collected")
    studio = Studio(dataset_of(tmp_path / "collected"))
    studio.mark(list(studio.pictures), "k")
    done = export(studio, list(studio.pictures), Plan(tmp_path / "exported", "crux robot", 30))
    assert (done.trained, done.left) == (16, ())

    overrides = {
        "output_dir": str(tmp_path / "out"), "train_data_dir": str(done.train), "sample_prompts": "",
        "sample_at_first": "false", "use_cpu": "true",
    }
    assert start_job(TrainConfig, PRESET, overrides) == 0
    (run,) = runs_dir().iterdir()
    events = read_events(run / "events.jsonl")
    remarks = [event for event in events if event["kind"] in ("warning", "error")]
    assert remarks == []
    pipeline = load_pipeline(BASE)
    pipeline.load_lora_weights(events[-1]["path"])
    assert judge_mascot(pipeline).share >= 0.9
