"""Adapter files mean the same to diffusers as to us."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from torch import nn

from tests.adapters import adapter_on
from train_core.config.sections.network import NetworkSettings
from train_core.networks.files.adapter_file import save_adapter

LATENTS = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
TOKENS = torch.randint(0, 49406, (2, 77), generator=torch.Generator().manual_seed(2))


def predict(unet: nn.Module, text_encoder: nn.Module) -> torch.Tensor:
    with torch.no_grad():
        hidden = text_encoder(TOKENS).last_hidden_state
        return unet(LATENTS, torch.tensor([10, 700]), encoder_hidden_states=hidden).sample


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(
    "settings",
    [{}, {"conv_dim": 2}, {"network_train_unet_only": True}, {"network_train_text_encoder_only": True}],
)
def test_diffusers_computes_what_we_compute(modules, targets, tmp_path, settings):
    theirs = copy.deepcopy(modules)
    adapter = adapter_on(targets, NetworkSettings(network_dim=4, network_alpha=2.0, **settings), seed=0)
    for parameter in adapter.parameters():
        nn.init.normal_(parameter, std=0.1)
    without = predict(**modules)
    adapter.attach()
    ours = predict(**modules)
    path = tmp_path / "adapter.safetensors"
    save_adapter(path, adapter.state_dict_for_file(), {})

    pipeline = StableDiffusionPipeline(
        vae=None, tokenizer=None, scheduler=DDPMScheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **theirs,
    )  # fmt: skip
    pipeline.load_lora_weights(path)
    assert relative_error(without, ours) > 0.02  # the adapter is no small matter
    assert relative_error(predict(pipeline.unet, pipeline.text_encoder), ours) < 1e-3
