"""A tiny SD 1.x model with random weights, written once per test session in each form that a user may hold."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel

from train_core.models.kinds.sd1 import original_tensors

UNET_WIDTHS = (32, 64, 64, 64)
VAE_WIDTHS = (32, 32, 32, 32)
TEXT_WIDTH = 64
TEXT_LAYERS = 3


@cache
def tiny_modules() -> dict[str, nn.Module]:
    """Diffusers' and transformers' own modules "unet", "vae", "text_encoder": fp32, the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        unet = UNet2DConditionModel(
            block_out_channels=UNET_WIDTHS, cross_attention_dim=TEXT_WIDTH, attention_head_dim=8, norm_num_groups=8
        )
        vae = AutoencoderKL(
            block_out_channels=VAE_WIDTHS, latent_channels=4, layers_per_block=2, norm_num_groups=8,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        )  # fmt: skip
        text_config = CLIPTextConfig(
            hidden_size=TEXT_WIDTH, intermediate_size=4 * TEXT_WIDTH, num_hidden_layers=TEXT_LAYERS,
            num_attention_heads=TEXT_WIDTH // 64, vocab_size=49408, projection_dim=TEXT_WIDTH,
        )  # fmt: skip
        modules = {"unet": unet, "vae": vae, "text_encoder": CLIPTextModel(text_config)}
    return {name: module.eval().requires_grad_(False) for name, module in modules.items()}


def original_state_dict(dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The tiny model's weights under the original Stability names."""
    return original_tensors(tiny_modules(), dtype)


@cache
def _home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tiny-sd1-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def tiny_file() -> Path:
    """A single `.safetensors` in the original layout, fp32."""
    path = _home() / "tiny.safetensors"
    save_file(original_state_dict(), path, {"format": "pt"})
    return path


@cache
def tiny_ckpt() -> Path:
    """The same weights as a `.ckpt`, nested under "state_dict" as the first releases were."""
    path = _home() / "tiny.ckpt"
    torch.save({"state_dict": original_state_dict(), "global_step": 1}, path)
    return path


@cache
def tiny_folder() -> Path:
    """The same weights as a diffusers folder."""
    folder = _home() / "tiny-diffusers"
    for name, module in tiny_modules().items():
        module.save_pretrained(folder / name)
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}), encoding="utf-8")
    (folder / "scheduler").mkdir()
    scheduler = {"_class_name": "PNDMScheduler", "prediction_type": "epsilon"}
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler), encoding="utf-8")
    return folder
