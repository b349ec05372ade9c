"""A half-precision VAE that overflows is calculated again in fp32, picture by picture, and stays as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.tiny_families import file_of
from train_core.config.sections.model import ModelSettings
from train_core.models import autoencoder
from train_core.models.load import load_family


def load(**settings):
    settings = {"pretrained_model_name_or_path": str(file_of("sdxl")), **settings}
    return load_family(ModelSettings(**settings), torch.bfloat16)


@pytest.mark.parametrize(("no_half_vae", "dtype"), [(True, torch.float32), (False, torch.bfloat16)])
def test_the_vae_is_in_half_precision_only_where_that_is_asked_for(no_half_vae, dtype):
    family = load(no_half_vae=no_half_vae)
    assert family.modules["vae"].dtype == dtype
    assert family.modules["unet"].dtype == torch.bfloat16


class _Overflowing(nn.Module):
    """Adds what fp16 cannot hold wherever a picture is bright, as the stock SDXL VAE does on some pictures."""

    def __init__(self, vae):
        super().__init__()
        self.vae = vae
        self.quant_conv, self.post_quant_conv = vae.quant_conv, vae.post_quant_conv
        self.dtypes: list[torch.dtype] = []

    def encode(self, pixels):
        return self.vae.encode(self._spoilt(pixels))

    def decode(self, latents):
        return self.vae.decode(self._spoilt(latents))

    def _spoilt(self, values):
        self.dtypes.append(values.dtype)
        bright = values.mean(dim=(1, 2, 3), keepdim=True) > 0.5
        if values.dtype == torch.float32:
            return values
        return values + torch.where(bright, torch.inf, 0.0).to(values.dtype)


@pytest.fixture
def overflowing():
    return _Overflowing(load(no_half_vae=False).modules["vae"])


def test_only_the_pictures_that_overflow_are_encoded_again_in_fp32(overflowing):
    dark, bright = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    found = autoencoder.encode(overflowing, torch.cat([dark, bright]))
    assert overflowing.dtypes == [torch.bfloat16, torch.float32]
    assert found.rescued == (1,)
    assert torch.isfinite(found.mean).all() and torch.isfinite(found.logvar).all()
    exact = overflowing.vae.float().encode(bright).latent_dist
    torch.testing.assert_close(found.mean[1:], exact.mean)


def test_afterwards_the_vae_is_in_half_precision_again_so_that_pictures_do_not_depend_on_each_other(overflowing):
    dark, bright = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    alone = autoencoder.encode(overflowing, dark)
    autoencoder.encode(overflowing, bright)
    assert overflowing.vae.dtype == torch.bfloat16
    assert torch.equal(autoencoder.encode(overflowing, dark).mean, alone.mean)


def test_pictures_that_are_drawn_are_rescued_too(overflowing):
    pixels = autoencoder.decode(overflowing, torch.ones(1, 4, 4, 4))
    assert overflowing.dtypes == [torch.bfloat16, torch.float32]
    assert torch.isfinite(pixels).all() and pixels.dtype == torch.float32
