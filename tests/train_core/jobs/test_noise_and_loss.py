"""Noise, noise levels and loss in a whole training job: settings of our own, the model's kind, samples, repetition."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageChops

from tests.event_lines import Event
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import difference, kinds, run, tensor_bytes, weights
from train_core.run.training import Training

EVERYTHING: dict[str, Any] = {
    "noise_offset": 0.1, "noise_offset_random_strength": True, "adaptive_noise_scale": 0.1,
    "multires_noise_iterations": 3, "ip_noise_gamma": 0.1, "ip_noise_gamma_random_strength": True,
    "timestep_sampling": "loss_aware", "loss_type": "huber", "debiased_estimation_loss": True,
    "metadata_depth": "minimal",
}  # fmt: skip


def once(prepare: Prepare, name: str, **values: Any) -> list[Event]:
    """One epoch of the tiny job."""
    return run(prepare(name, max_train_epochs=1, **values))


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {"timestep_sampling": "sigmoid"}),
        ({}, {"timestep_sampling": "loss_aware"}),
        ({"timestep_sampling": "sigmoid"}, {"sigmoid_scale": 3.0}),
        ({"timestep_sampling": "logit_normal"}, {"logit_mean": 1.0}),
        ({"timestep_sampling": "logit_normal"}, {"logit_std": 3.0}),
    ],
)
def test_how_noise_levels_are_drawn_changes_what_is_learnt(prepare: Prepare, given: dict, changed: dict) -> None:
    before, after = once(prepare, "before", **given), once(prepare, "after", **given, **changed)
    assert difference(weights(before), weights(after)) > 1e-6


def test_everything_at_once_repeats_itself_to_the_byte(prepare: Prepare) -> None:
    first, second = once(prepare, "first", **EVERYTHING), once(prepare, "second", **EVERYTHING)
    weights(first)
    assert tensor_bytes(first) == tensor_bytes(second)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"zero_terminal_snr": True}, "zero_terminal_snr_without_v"),
        ({"scale_v_pred_loss_like_noise_pred": True}, "scale_v_pred_without_v"),
    ],
)
def test_what_the_models_kind_rules_out_is_told_before_the_first_step(
    prepare: Prepare, values: dict, code: str
) -> None:
    events = once(prepare, "wrong", **values)
    assert [event["code"] for event in kinds(events, "error")] == [code]
    assert not kinds(events, "started")


def test_preserved_regularisation_images_teach_only_what_the_model_drew_before(
    prepare: Prepare, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adapter that has hardly moved changes nothing yet, so what is preserved has no error and no gradient."""
    shutil.copytree(images / "1_tall cat", images.parent / "reg" / "1_cat")
    for path in (images.parent / "reg").rglob("*.png"):
        Image.effect_noise((64, 64), 99).convert("RGB").save(path)  # pictures that are not in training
    values: dict[str, Any] = {
        "reg_data_dir": str(images.parent / "reg"), "max_train_epochs": 1, "train_batch_size": 1, "learning_rate": 1e-9,
    }
    losses: list[float] = []
    report = Training.report

    def noting(self: Training, epoch: int, loss: torch.Tensor) -> None:
        losses.append(loss.item())
        report(self, epoch, loss)

    monkeypatch.setattr(Training, "report", noting)
    weights(run(prepare("plain", **values)))
    plain = losses.copy()
    losses.clear()
    weights(run(prepare("preserved", diff_output_preservation=True, **values)))
    assert min(plain) > 0.01
    differing = [now for now, before in zip(losses, plain, strict=True) if now != pytest.approx(before, rel=1e-3)]
    assert len(differing) == 8  # as many as there are training images with their repeats
    assert max(differing) < 1e-6


def test_samples_are_drawn_with_the_schedule_that_is_trained(prepare: Prepare) -> None:
    """sd-scripts trains with zero terminal SNR and samples without it."""
    values: dict[str, Any] = {
        "v_parameterization": "v", "learning_rate": 0.0, "unet_lr": 1e-12, "sample_at_first": True,
        "sample_prompts": "a dog --w 64 --h 64 --s 3 --d 1",
    }
    plain = first_sample(once(prepare, "plain", **values))
    rescaled = first_sample(once(prepare, "rescaled", zero_terminal_snr=True, **values))
    assert ImageChops.difference(plain, rescaled).getbbox() is not None


def first_sample(events: list[Event]) -> Image.Image:
    return Image.open(Path(kinds(events, "sample")[0]["path"])).convert("RGB")
