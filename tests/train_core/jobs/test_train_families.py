"""Whole training jobs on tiny SD 2.x and SDXL models: what is learnt, at which rates, and what the file says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from tests.adapters import adapter_on
from tests.tiny_families import file_of, folder_of
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run, weights
from tests.train_core.workshop.conftest import RunTool, run_tool  # noqa: F401 - run_tool is a fixture
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.facts.images.buckets import BucketRules, assign
from train_core.models.load import load_family
from train_core.run.predictor import Predictor

PIPELINES = {"sd2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
NOISY, TIMESTEPS = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([300])
SHORT = {"max_train_epochs": 1, "train_batch_size": 4}


def base(kind: str, **values) -> dict:
    return {"pretrained_model_name_or_path": str(file_of(kind)), "v_parameterization": "epsilon", **SHORT, **values}


def learnt(tensors: dict[str, torch.Tensor], prefix: str) -> float:
    """How far the up layers of a part are from their start."""
    return max(t.abs().max().item() for name, t in tensors.items() if name.startswith(prefix) and "lora_up" in name)


def metadata(path: str) -> dict[str, str]:
    with safe_open(path, "pt") as file:
        return file.metadata()


@pytest.mark.parametrize(
    ("kind", "prediction", "version", "v2", "architecture"),
    [
        ("sd2", "epsilon", "sd_v2", "True", "stable-diffusion-v2-512/lora"),
        ("sd2", "v", "sd_v2_v", "True", "stable-diffusion-v2-768-v/lora"),
        ("sdxl", "epsilon", "sdxl_base_v1-0", "False", "stable-diffusion-xl-v1-base/lora"),
    ],
)
def test_a_run_trains_every_part_and_its_file_names_the_family(
    prepare: Prepare, kind: str, prediction: str, version: str, v2: str, architecture: str
):
    events = run(prepare("lora", **base(kind, v_parameterization=prediction)))
    tensors = weights(events)
    prefixes = ["lora_unet_", "lora_te1_", "lora_te2_"] if kind == "sdxl" else ["lora_unet_", "lora_te_"]
    assert all(learnt(tensors, prefix) > 0 for prefix in prefixes)
    assert all(name.startswith(tuple(prefixes)) for name in tensors)
    said = metadata(events[-1]["path"])
    assert (said["ss_base_model_version"], said["ss_v2"]) == (version, v2)
    assert said["modelspec.architecture"] == architecture
    assert said["modelspec.prediction_type"] == prediction


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_diffusers_computes_with_the_learnt_file_what_we_compute(
    prepare: Prepare, run_tool: RunTool, tmp_path: Path, kind: str  # noqa: F811
):
    learnt = path = Path(run(prepare("lora", **base(kind, learning_rate=2e-2, conv_dim=2)))[-1]["path"])
    with torch.no_grad():
        without, ours = our_predictions(kind, path)
        if kind == "sd2":  # whose files have 1x1 convolutions around attention, which diffusers itself does not read
            path = tmp_path / "diffusers.safetensors"
            run_tool("convert_lora", adapter=learnt, adapter_format="diffusers", save_to=path)
        theirs = diffusers_prediction(kind, path)
    assert (without - ours).norm() / ours.norm() > 0.02  # what was learnt is no small matter
    assert (theirs - ours).norm() / ours.norm() < 1e-3


def our_predictions(kind: str, path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Without and with the adapter in the file at `path`."""
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(file_of(kind))), torch.float32)
    without = family.predict(NOISY, TIMESTEPS, family.encode_text(["a dog"]))
    adapter = adapter_on(family.targets(), NetworkSettings(network_dim=4, network_alpha=4, conv_dim=2), 0)
    adapter.load_file_state(load_file(path))
    adapter.attach()
    return without, family.predict(NOISY, TIMESTEPS, family.encode_text(["a dog"]))


def diffusers_prediction(kind: str, path: Path) -> torch.Tensor:
    pipeline = PIPELINES[kind].from_pretrained(folder_of(kind), torch_dtype=torch.float32)
    pipeline.load_lora_weights(path)
    hidden, _, *pooled = pipeline.encode_prompt(
        "a dog", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    added = {}
    if kind == "sdxl":
        added = {"text_embeds": pooled[0], "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]])}
    return pipeline.unet(NOISY, TIMESTEPS, hidden, added_cond_kwargs=added).sample


def test_each_sdxl_encoder_learns_at_its_own_rate_where_the_well_known_trainer_has_one_for_both(prepare: Prepare):
    events = run(prepare("rates", **base("sdxl", text_encoder_lr="2e-4,0", unet_lr=1e-4)))
    assert kinds(events, "progress")[-1]["lr"] == {"text_encoder": 2e-4, "unet": 1e-4}
    tensors = weights(events)
    assert learnt(tensors, "lora_te1_") > 0
    assert learnt(tensors, "lora_te2_") == 0
    assert metadata(events[-1]["path"])["ss_text_encoder_lr"] == "[0.0002, 0.0]"


def test_both_rates_are_shown_by_the_names_of_their_encoders(prepare: Prepare):
    events = run(prepare("rates", **base("sdxl", text_encoder_lr="2e-4,1e-5", unet_lr=1e-4)))
    assert kinds(events, "progress")[-1]["lr"] == {"text_encoder": 2e-4, "text_encoder_2": 1e-5, "unet": 1e-4}
    one = run(prepare("one", **base("sdxl", text_encoder_lr="3e-5", unet_lr=1e-4)))
    assert kinds(one, "progress")[-1]["lr"] == {"text_encoder": 3e-5, "text_encoder_2": 3e-5, "unet": 1e-4}


def test_a_second_rate_for_a_model_with_one_encoder_is_said_to_be_unused(prepare: Prepare):
    events = run(prepare("rates", **base("sd2", text_encoder_lr="2e-4,1e-5")))
    assert "second_text_rate_unused" in {event["code"] for event in kinds(events, "warning")}
    assert kinds(events, "progress")[-1]["lr"]["text_encoder"] == 2e-4


def test_what_an_sd2_model_was_taken_for_is_told_in_the_run(prepare: Prepare):
    events = run(prepare("guess", **base("sd2", v_parameterization="auto")))
    (warning,) = [event for event in kinds(events, "warning") if event["code"] == "prediction_type_probed"]
    assert metadata(events[-1]["path"])["modelspec.prediction_type"] == warning["params"]["taken"]


def test_sdxl_trains_with_the_sizes_and_crops_of_its_own_pictures(prepare: Prepare, images: Path, monkeypatch):
    Image.effect_noise((200, 120), 50).convert("RGB").save(images / "2_zuko dog" / "0.png")
    told = []
    original = Predictor.forward

    def listen(self, noisy, timesteps, captions, extras=None):
        told.append((noisy.shape, extras))
        return original(self, noisy, timesteps, captions, extras)

    monkeypatch.setattr(Predictor, "forward", listen)
    run(prepare("sizes", **base("sdxl")))
    rules = BucketRules(resolution=(64, 64))
    expected = {size: assign(size, rules).crop for size in ((200, 120), (64, 64), (64, 128))}
    assert expected[200, 120][0] > 0 and expected[64, 128][1] > 0  # neither fits its bucket without a crop
    crops = {
        tuple(size): tuple(crop)
        for _, extras in told
        for size, crop in zip(extras["original_sizes"].tolist(), extras["crops"].tolist(), strict=True)
    }
    assert crops == expected
    for shape, extras in told:
        assert extras["target_sizes"].tolist() == [[8 * shape[3], 8 * shape[2]]] * shape[0]


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_samples_are_drawn_at_the_training_resolution(prepare: Prepare, kind):
    prompts = "a (red:1.2) dog --s 2 --d 1\na cat --s 2 --l 1 --w 128"
    events = run(prepare("zuko", **base(kind, v_parameterization="v", sample_prompts=prompts)))
    sizes = [Image.open(event["path"]).size for event in kinds(events, "sample")]
    assert sizes == [(64, 64), (128, 64)]


@pytest.mark.parametrize(
    "values",
    [
        {"network_train_unet_only": True},
        {"network_train_text_encoder_only": True, "max_token_length": 225},
        {"gradient_checkpointing": True, "clip_skip": 3, "cache_latents": False},
        {"mixed_precision": "bf16", "no_half_vae": False, "down_lr_weight": "0,0,0,0,1,1,1,1,1"},
    ],
)
def test_other_ways_of_training_sdxl_finish(prepare: Prepare, values):
    tensors = weights(run(prepare("ways", **base("sdxl", **values))))
    assert any(t.abs().max() > 0 for name, t in tensors.items() if "lora_up" in name)
