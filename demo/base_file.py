"""The base as one file: Stability's original key layout in fp16, and diffusers' pipeline made from it without a hub."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from torch import nn

from demo.recipe_text import TEXT_CONFIG
from demo.recipe_unet import SCHEDULE, UNET_CONFIG
from demo.recipe_vae import VAE_CONFIG
from demo.world import SIZE
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.kinds.sd1 import original_tensors

METADATA = {
    "format": "pt",
    "modelspec.sai_model_spec": "1.0.0",
    "modelspec.title": "Crucible demo base",
    "modelspec.description": "Tiny Stable Diffusion 1.x model of a drawn world, for trying out training.",
    "modelspec.architecture": "stable-diffusion-v1",
    "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
    "modelspec.license": "CC0-1.0",
    "modelspec.resolution": f"{SIZE}x{SIZE}",
    "modelspec.prediction_type": "epsilon",
}
SAMPLER = {"clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}


def save_base(modules: Mapping[str, nn.Module], path: Path) -> None:
    """Write "unet", "vae" and "text_encoder" to ``path``, by a temporary name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    save_file(original_tensors(modules, torch.float16), temporary, METADATA)
    temporary.replace(path)


def write_config(folder: Path) -> None:
    """The folder of small files that diffusers wants beside a single-file model, with our widths."""
    components = {
        "unet": ("diffusers", "UNet2DConditionModel", UNET_CONFIG),
        "vae": ("diffusers", "AutoencoderKL", VAE_CONFIG),
        "text_encoder": ("transformers", "CLIPTextModel", {**TEXT_CONFIG, "architectures": ["CLIPTextModel"]}),
        "scheduler": ("diffusers", "DDIMScheduler", {**SCHEDULE, **SAMPLER}),
    }
    index = {"_class_name": "StableDiffusionPipeline", "tokenizer": ["transformers", "CLIPTokenizer"]}
    for name, (library, kind, config) in components.items():
        index[name] = [library, kind]
        file = "scheduler_config.json" if name == "scheduler" else "config.json"
        _write_json(folder / name / file, {"_class_name": kind, "model_type": "clip_text_model", **config})
    index |= {name: [None, None] for name in ("safety_checker", "feature_extractor", "image_encoder")}
    _write_json(folder / "model_index.json", index)
    _write_tokenizer(folder / "tokenizer")


def _write_tokenizer(folder: Path) -> None:
    model = json.loads(clip_tokenizer().to_str())["model"]
    _write_json(folder / "vocab.json", model["vocab"])
    pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(pairs) + "\n", encoding="utf-8")
    end = "<|endoftext|>"
    _write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "bos_token": "<|startoftext|>",
        "eos_token": end, "pad_token": end, "unk_token": end,
    })  # fmt: skip


def _write_json(path: Path, content: Mapping) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def load_pipeline(base: Path) -> StableDiffusionPipeline:
    """Diffusers' own pipeline from the file, fp32 on the CPU, without progress bars."""
    with tempfile.TemporaryDirectory() as folder:
        write_config(Path(folder))
        pipeline = StableDiffusionPipeline.from_single_file(
            str(base), config=folder, local_files_only=True, torch_dtype=torch.float32,
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
