"""The LoRA that the demo's preset trains is the same to diffusers' own pipeline, on the demo's own base."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from demo.base_file import load_pipeline
from tests.adapters import adapter_on
from tests.event_lines import read_events
from train_core.config.files import read_config
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir, program_presets_dir, runs_dir
from train_core.jobs.start import start_job
from train_core.models.load import load_family

BASE = app_dir() / "demo" / "base" / "crucible-demo-base.safetensors"
PRESET = program_presets_dir() / "lora" / "demo.json"
CAPTION = "crux robot, green background"


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a demo run cut to a few steps, in fp32."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    overrides = {
        "output_dir": str(tmp_path), "max_train_epochs": "0", "max_train_steps": "6", "sample_prompts": "",
        "mixed_precision": "no", "save_precision": "float", "use_cpu": "true",
    }
    assert start_job(TrainConfig, PRESET, overrides) == 0
    (run,) = runs_dir().iterdir()
    return Path(read_events(run / "events.jsonl")[-1]["path"])


def test_diffusers_loads_the_demo_s_lora_and_predicts_what_we_predict(result: Path) -> None:
    config = read_config(PRESET, {"output_dir": str(result.parent)}).config
    family = load_family(config.model, torch.float32)
    adapter = adapter_on(family.targets(), config.network, config.training.seed)
    adapter.load_file_state(load_file(result))
    generator = torch.Generator().manual_seed(3)
    noisy, timesteps = torch.randn(2, 4, 16, 16, generator=generator), torch.tensor([150, 800])
    with torch.no_grad():
        without = family.predict(noisy, timesteps, family.encode_text([CAPTION] * 2))
        adapter.attach()
        ours = family.predict(noisy, timesteps, family.encode_text([CAPTION] * 2))

    pipeline = load_pipeline(BASE)
    pipeline.load_lora_weights(result)
    with torch.no_grad():
        hidden, _ = pipeline.encode_prompt(CAPTION, "cpu", 2, do_classifier_free_guidance=False)
        theirs = pipeline.unet(noisy, timesteps, encoder_hidden_states=hidden).sample
    assert (ours - without).norm() / ours.norm() > 5e-3  # six steps already change the prediction visibly
    assert (theirs - ours).norm() / ours.norm() < 1e-3
