"""Full-size base models with random weights, written in their original layout (fp16).

    python -m bench.random_model sd1|sd2|sdxl FILE
"""

from __future__ import annotations

import math
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train_core.kinds import KINDS
from train_core.models.files.stored import Stored, in_memory
from train_core.models.files.writing import write_safetensors
from train_core.models.kinds.stable_diffusion import StableDiffusion, single_file
from train_core.models.load import family_class

# So many different numbers are enough, and repeating them is quick.
PATTERN = (0.02 * torch.randn(2**20, generator=torch.Generator().manual_seed(1))).half()
VAE = {
    "block_out_channels": (128, 256, 512, 512), "latent_channels": 4, "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
SD_UNET = {"block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2}
LINEAR = {"use_linear_projection": True}


def text_encoder(width: int, layers: int, activation: str) -> dict[str, Any]:
    """The config of CLIP's text encoders, which differ in little."""
    return {
        "vocab_size": 49408, "hidden_size": width, "projection_dim": width, "intermediate_size": 4 * width,
        "num_hidden_layers": layers, "num_attention_heads": width // 64, "max_position_embeddings": 77,
        "hidden_act": activation,
    }  # fmt: skip


CONFIGS: dict[str, dict[str, dict[str, Any]]] = {
    "sd1": {
        "unet": SD_UNET | {"cross_attention_dim": 768, "attention_head_dim": 8}, "vae": VAE,
        "text_encoder": text_encoder(768, 12, "quick_gelu"),
    },
    "sd2": {
        "unet": SD_UNET | LINEAR | {"cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20)}, "vae": VAE,
        "text_encoder": text_encoder(1024, 23, "gelu"),
    },
    "sdxl": {
        "unet": LINEAR | {
            "block_out_channels": (320, 640, 1280), "attention_head_dim": (5, 10, 20), "cross_attention_dim": 2048,
            "transformer_layers_per_block": (1, 2, 10), "addition_embed_type": "text_time",
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
        },
        "vae": VAE, "text_encoder": text_encoder(768, 12, "quick_gelu"),
        "text_encoder_2": text_encoder(1280, 32, "gelu"),
    },
}  # fmt: skip
FAMILIES: dict[str, type[StableDiffusion]] = {kind.code: family_class(kind) for kind in KINDS.values()}


def write_model(kind: str, path: Path) -> None:
    """The file of a `kind` of model, one tensor after the other, so that it is never in memory whole."""
    stored = {}
    for name, part in FAMILIES[kind].parts.items():
        with torch.device("meta"):
            module = part.build(CONFIGS[kind][name])
        stored[name] = in_memory(module.state_dict())
    shapes = {name: one.shape for name, one in single_file(FAMILIES[kind].parts, stored, {}).items()}
    tensors = {name: Stored(shape, partial(_numbers, name, shape), torch.float16) for name, shape in shapes.items()}
    write_safetensors(path, tensors, {"format": "pt"})


def _numbers(name: str, shape: tuple[int, ...]) -> Tensor:
    """Small random numbers, or the plain weights and biases of a norm."""
    if re.search(r"norm|ln_|(in|out)_layers\.0\.|\.out\.0\.", name):
        return torch.full(shape, float(name.endswith("weight")), dtype=torch.float16)
    count = math.prod(shape)
    return PATTERN.repeat(-(-count // len(PATTERN)))[:count].view(shape)


if __name__ == "__main__":
    write_model(sys.argv[1], Path(sys.argv[2]))
