"""The promise that caching latents changes no more than last bits, with a real VAE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.pictures import ignore_progress, image_folder
from tests.tiny import tiny_file
from train_core.config.image_settings import DataSettings
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.model import ModelSettings
from train_core.data.dataset import open_training_data
from train_core.data.encoder import Encoder
from train_core.data.order import BatchPlan
from train_core.models.load import load_family


@pytest.mark.parametrize("vae_batch_size", [1, 4])
def test_caching_on_or_off_agrees_within_a_hundred_thousandth(tmp_path: Path, vae_batch_size: int) -> None:
    image_folder(tmp_path, "1_x", [(128, 128)] * 5 + [(192, 100)] * 2)
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32, "cpu")
    encoder = Encoder(family.vae_fingerprint(), family.encode_images)
    dataset = DatasetSettings(
        train_data_dir=str(tmp_path),
        resolution="128",
        cache_latents_to_disk=True,
        vae_batch_size=vae_batch_size,
    )
    settings = DataSettings(dataset, augmentation=AugmentationSettings(flip_aug=True))
    plain_settings = replace(settings, dataset=dataset.model_copy(update={"cache_latents": False}))
    cached = open_training_data(settings, BatchPlan(1, 3), encoder, ignore_progress)
    plain = open_training_data(plain_settings, BatchPlan(1, 3), None, ignore_progress)
    for one, other in zip(cached.epoch(0), plain.epoch(0), strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        assert one.moments is not None
        assert other.pixels is not None
        expected = family.encode_images(other.pixels)
        torch.testing.assert_close(one.moments.mean, expected.mean, atol=1e-5, rtol=0)
        torch.testing.assert_close(one.moments.logvar, expected.logvar, atol=1e-5, rtol=0)
