"""Training an inpainting model: with holes drawn anew, reproducibly, and never from latents that were cached once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_families import inpainting_tensors
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import difference, kinds, run, weights
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.headers import recognise
from train_core.models.load import load_family
from train_core.run import model_inputs

SHORT = {"max_train_epochs": 1, "train_batch_size": 4, "cache_latents": False}


@pytest.fixture
def model(tmp_path: Path) -> str:
    save_file(inpainting_tensors("sd1"), tmp_path / "inpainting.safetensors")
    return str(tmp_path / "inpainting.safetensors")


def test_it_trains_draws_and_repeats_itself(prepare: Prepare, model: str):
    settings = {"pretrained_model_name_or_path": model, **SHORT}
    first = run(prepare("first", **settings, sample_prompts="a dog --s 2 --d 1"))
    assert any(t.abs().max() > 0 for name, t in weights(first).items() if "lora_up" in name)
    assert len(kinds(first, "sample")) == 1
    assert difference(weights(first), weights(run(prepare("second", **settings)))) == 0


def test_other_holes_teach_other_things(prepare: Prepare, model: str, monkeypatch: pytest.MonkeyPatch):
    settings = {"pretrained_model_name_or_path": model, **SHORT}
    plain = weights(run(prepare("plain", **settings)))
    original = model_inputs.around_holes

    def others(family, pixels, seeds):
        return original(family, pixels, [seed + 1 for seed in seeds])

    monkeypatch.setattr(model_inputs, "around_holes", others)
    assert difference(plain, weights(run(prepare("others", **settings)))) > 0


def test_a_whole_model_for_inpainting_stays_one(prepare: Prepare, model: str):
    whole = {"training_method": "fine-tuning", "network_train_unet_only": True, "sample_prompts": "a dog --s 1 --d 1"}
    events = run(prepare("whole", pretrained_model_name_or_path=model, **SHORT, **whole))
    learnt, path = weights(events), Path(events[-1]["path"])
    base = load_file(model)
    assert {name: tensor.shape for name, tensor in learnt.items()} == {name: t.shape for name, t in base.items()}
    moved = {name for name, tensor in learnt.items() if not torch.equal(tensor, base[name])}
    assert "model.diffusion_model.input_blocks.0.0.weight" in moved
    assert all(name.startswith("model.diffusion_model.") for name in moved)
    assert learnt["model.diffusion_model.input_blocks.0.0.weight"].shape[1] == 9
    assert recognise(path).inpaints
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(path)), torch.float32)
    assert torch.equal(family.modules["unet"].conv_in.weight, learnt["model.diffusion_model.input_blocks.0.0.weight"])
    assert len(kinds(events, "sample")) == 1


def test_cached_latents_are_refused_with_what_to_do(prepare: Prepare, model: str):
    events = run(prepare("cached", pretrained_model_name_or_path=model, **SHORT | {"cache_latents": True}))
    (error,) = kinds(events, "error")
    assert error["code"] == "inpainting_needs_images"
    assert "Turn cache_latents off" in error["text"]
