"""Tiny SD 2.x and SDXL models with random weights in their real layouts, written once per test session."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.models.clip.configuration_clip import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPTextModel, CLIPTextModelWithProjection
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from tests.tiny import original_state_dict
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.files.stored import in_memory
from train_core.models.kinds.sd2 import SD2
from train_core.models.kinds.sdxl import SDXL
from train_core.models.kinds.stable_diffusion import single_file

FAMILIES = {"sd2": SD2, "sdxl": SDXL}
SD2_LAYERS = 23  # as many as diffusers expects of a file with 24
WIDTH, WIDTH_2, PROJECTION = 64, 128, 96
LAYERS = 3
VAE_WIDTHS = (32, 32, 32, 32)


def text_config(width: int, layers: int, act: str, projection: int) -> CLIPTextConfig:
    """A text encoder of heads 64 wide."""
    return CLIPTextConfig(
        hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=width // 64,
        vocab_size=49408, hidden_act=act, projection_dim=projection,
    )  # fmt: skip


def _sd2() -> dict[str, nn.Module]:
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64, 64, 64), cross_attention_dim=WIDTH, attention_head_dim=(1, 1, 1, 1),
        use_linear_projection=True, norm_num_groups=8,
    )  # fmt: skip
    return {"unet": unet, "text_encoder": CLIPTextModel(text_config(WIDTH, SD2_LAYERS, "gelu", WIDTH))}


def _sdxl() -> dict[str, nn.Module]:
    unet = UNet2DConditionModel(
        block_out_channels=(32, 64, 64), cross_attention_dim=WIDTH + WIDTH_2, attention_head_dim=(1, 1, 1),
        use_linear_projection=True, norm_num_groups=8, transformer_layers_per_block=(1, 2, 3),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=PROJECTION + 6 * 256,
    )  # fmt: skip
    return {
        "unet": unet,
        "text_encoder": CLIPTextModel(text_config(WIDTH, LAYERS, "quick_gelu", WIDTH)),
        "text_encoder_2": CLIPTextModelWithProjection(text_config(WIDTH_2, LAYERS, "gelu", PROJECTION)),
    }


@cache
def modules_of(kind: str) -> dict[str, nn.Module]:
    """Diffusers' and transformers' own modules of "sd2" or "sdxl": fp32, the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        modules = {"sd2": _sd2, "sdxl": _sdxl}[kind]()
        modules["vae"] = AutoencoderKL(
            block_out_channels=VAE_WIDTHS, latent_channels=4, layers_per_block=2, norm_num_groups=8,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=FAMILIES[kind].kind.latents.scale,
        )  # fmt: skip
        for name, parameter in [item for module in modules.values() for item in module.named_parameters()]:
            if "norm" in name:  # fresh norms are all alike, so that one left out or doubled would not show
                nn.init.normal_(parameter, 1.0 if name.endswith("weight") else 0.1, 0.1)
    return {name: module.eval().requires_grad_(False) for name, module in modules.items()}


def spare_of(kind: str) -> dict[str, dict[str, Tensor]]:
    """Tensors in OpenCLIP's files beyond those of the modules."""
    if kind == "sdxl":
        return {"text_encoder_2": {"logit_scale": torch.tensor(4.6)}}
    written = SD2.parts["text_encoder"].write(in_memory(modules_of(kind)["text_encoder"].state_dict()))
    layer = {name: one.read() + 0.5 for name, one in written.items() if f"resblocks.{SD2_LAYERS}." in name}
    return {"text_encoder": {**layer, "logit_scale": torch.tensor(4.6), "text_projection": torch.eye(WIDTH)}}


def tensors_of(kind: str) -> dict[str, Tensor]:
    """The whole file's tensors, fp32."""
    stored = {name: in_memory(module.state_dict()) for name, module in modules_of(kind).items()}
    spare = {name: in_memory(tensors) for name, tensors in spare_of(kind).items()}
    return {
        name: one.read().to(torch.float32).clone().contiguous()
        for name, one in single_file(FAMILIES[kind].parts, stored, spare).items()
    }


@cache
def _home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tiny-families-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def file_of(kind: str) -> Path:
    """A single `.safetensors` in the original layout, fp32; it says nothing of what it predicts."""
    path = _home() / f"{kind}.safetensors"
    save_file(tensors_of(kind), path, {"format": "pt"})
    return path


def tokenizer(pad: str) -> CLIPTokenizer:
    """CLIP's tokenizer as transformers has it, padding with `pad`."""
    ours = json.loads(clip_tokenizer().to_str())["model"]
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in ours["merges"]]
    return CLIPTokenizer(vocab=ours["vocab"], merges=merges, pad_token=pad, model_max_length=77)


@cache
def folder_of(kind: str) -> Path:
    """The same weights as a diffusers folder, tokenizers included."""
    folder = _home() / kind
    for name, module in modules_of(kind).items():
        module.save_pretrained(folder / name)
    end = "<|endoftext|>"
    names: dict[str, Any] = {"tokenizer": end if kind == "sdxl" else "!"}
    if kind == "sdxl":
        names["tokenizer_2"] = "!"
    for name, pad in names.items():
        tokenizer(pad).save_pretrained(folder / name)
    scheduler = {
        "_class_name": "DDIMScheduler", "prediction_type": "epsilon", "beta_schedule": "scaled_linear",
        "beta_start": 0.00085, "beta_end": 0.012, "clip_sample": False, "timestep_spacing": "trailing",
    }  # fmt: skip
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler), encoding="utf-8")
    index = {
        "_class_name": "StableDiffusionXLPipeline" if kind == "sdxl" else "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
        **{name: ["transformers", "CLIPTokenizer"] for name in names},
    }  # fmt: skip
    if kind == "sdxl":
        index |= {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}
        index |= {"force_zeros_for_empty_prompt": False}
    else:
        index |= {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def inpainting_tensors(kind: str) -> dict[str, Tensor]:
    """The tensors of "sd1", "sd2" or "sdxl" with a U-Net that sees five channels more."""
    tensors = original_state_dict() if kind == "sd1" else tensors_of(kind)
    name = "model.diffusion_model.input_blocks.0.0.weight"
    more = torch.randn(len(tensors[name]), 5, 3, 3, generator=torch.Generator().manual_seed(3)) / 10
    return tensors | {name: torch.cat([tensors[name], more], dim=1)}
