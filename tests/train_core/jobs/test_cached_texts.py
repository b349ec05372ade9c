"""A run with captions encoded once learns the same, and needs no text encoder while it trains."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny_families import file_of
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run, weights
from train_core.config.checks.consistency import contradictions
from train_core.config.jobs.train import TrainConfig
from train_core.models.kinds.stable_diffusion import StableDiffusion

CALM = {"network_train_unet_only": True, "caption_prefix": "photo of", "caption_dropout_rate": 0.3}


@pytest.mark.parametrize("to_disk", [False, True])
def test_the_same_is_learnt_with_captions_encoded_once(prepare: Prepare, to_disk: bool) -> None:
    plain = dict(weights(run(prepare("plain", **CALM))))
    cached = dict(weights(run(prepare(
        "cached", **CALM, cache_text_encoder_outputs=True, cache_text_encoder_outputs_to_disk=to_disk,
        validation_split=0.0, sample_prompts="a dog --w 64 --h 64 --s 2 --d 1",
    ))))  # fmt: skip
    assert all(torch.equal(plain[name], value) for name, value in cached.items())


def test_both_encoders_of_sdxl_are_cached(prepare: Prepare) -> None:
    sdxl = {**CALM, "pretrained_model_name_or_path": str(file_of("sdxl")), "weighted_captions": True}
    plain = dict(weights(run(prepare("plain", **sdxl, max_train_epochs=1))))
    on = {"cache_text_encoder_outputs": True, "cache_text_encoder_outputs_to_disk": True}
    cached = dict(weights(run(prepare("cached", **sdxl, **on, max_train_epochs=1))))
    assert all(torch.equal(plain[name], value) for name, value in cached.items())


def test_each_caption_is_encoded_once_and_for_later_runs_not_at_all(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    encode = StableDiffusion.encode_text

    def counting(self: StableDiffusion, captions: list[str], *arguments: object, **options: object) -> object:
        asked.extend(captions)
        return encode(self, captions, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(StableDiffusion, "encode_text", counting)
    on = {**CALM, "cache_text_encoder_outputs": True, "cache_text_encoder_outputs_to_disk": True}
    run(prepare("first", **on, max_train_epochs=3))
    assert len(asked) == len(set(asked)) == 5  # two different ones from files, two folders' names, none at all
    asked.clear()
    run(prepare("second", **on))
    assert asked == []
    run(prepare("deeper", **on, clip_skip=2))
    assert len(asked) == 5


def test_captions_of_validation_images_are_encoded_too(prepare: Prepare) -> None:
    events = run(prepare("validated", **CALM, cache_text_encoder_outputs=True, validation_split=0.4))
    assert kinds(events, "finished")[0]["status"] == "completed"


def test_what_varies_or_trains_is_refused_with_the_cache_naming_both() -> None:
    def wrong(**values: object) -> list[str]:
        config = TrainConfig.from_flat({"cache_text_encoder_outputs": True, **values})
        return [found.text for found in contradictions(config)]

    (found,) = wrong()
    assert "network_train_unet_only" in found
    (found,) = wrong(network_train_unet_only=True, shuffle_caption=True, enable_wildcard=True)
    assert "shuffle_caption, enable_wildcard and cache_text_encoder_outputs" in found
    assert wrong(**CALM) == []


def test_the_cache_lies_with_the_program_and_not_beside_the_images(
    prepare: Prepare, images: Path, own_home: Path
) -> None:
    before = sorted(images.rglob("*"))
    run(prepare("kept", **CALM, cache_text_encoder_outputs=True, cache_text_encoder_outputs_to_disk=True))
    assert sorted(images.rglob("*")) == before
    assert len(list((own_home / "caches" / "texts").rglob("*.safetensors"))) == 5


def test_a_cached_caption_that_is_not_numbers_is_named_by_its_file(prepare: Prepare, own_home: Path) -> None:
    on = {**CALM, "cache_text_encoder_outputs": True, "cache_text_encoder_outputs_to_disk": True, "max_train_epochs": 1}
    on["caption_dropout_rate"] = 0.0
    weights(run(prepare("before", **on)))
    files = sorted((own_home / "caches" / "texts").rglob("*.safetensors"))
    for file in files:
        outputs = {name: tensor.fill_(torch.nan) for name, tensor in load_file(file).items()}
        save_file(outputs, file)
    events = run(prepare("after", **on))
    blamed = [event for event in kinds(events, "warning") if event["code"] == "latents_cache_not_finite"]
    named = {name for event in blamed for name in event["params"]["files"].split(", ")}
    assert named
    assert named <= set(map(str, files))
