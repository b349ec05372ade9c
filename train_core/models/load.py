"""From a path in the settings to a loaded base model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from train_core.config.problems import UserError, problem
from train_core.config.sections.model import ModelSettings
from train_core.facts.headers import ModelKind, read_config, recognise, recognise_vae
from train_core.facts.hub import resolve
from train_core.facts.tensor_files import read_ahead
from train_core.models.sd1 import SD1
from train_core.models.sd1_build import PART_NAMES, build_part, fill
from train_core.models.sd1_keys import is_vae_attention_matrix, module_name, split_file_name
from train_core.models.tokenizer import clip_tokenizer
from train_core.models.weights import Stored, open_weights

# What a diffusers folder may call a part's weights, best first.
FOLDER_WEIGHTS = tuple(
    name + ending
    for ending in (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin")
    for name in ("diffusion_pytorch_model", "model", "pytorch_model")
)


def load_family(model: ModelSettings, dtype: torch.dtype, device: torch.device | str = "cpu") -> SD1:
    """The base model that the settings name, frozen, on `device`: U-Net and text encoder in `dtype`, VAE in fp32.

    The VAE's fp32 costs little, since each image passes it once, and its fp16 overflows on some pictures.
    Raises UserError where the model cannot be used.
    """
    found = recognise(resolve(model.pretrained_model_name_or_path))
    read_ahead(found.path)  # while the libraries are imported
    vae = recognise_vae(resolve(model.vae)) if model.vae else found
    parts = _read_parts(found) | {"vae": _read_parts(vae).get("vae", {})}
    modules: dict[str, Any] = {}
    for part, dtype_of_part in (("text_encoder", dtype), ("unet", dtype), ("vae", torch.float32)):
        source = vae if part == "vae" else found
        stored = parts.get(part, {})
        if not stored:
            raise _part_missing(source.path, part)
        modules[part] = build_part(part, stored, source.path, _config(source, part))
        fill(modules[part], stored, device, dtype_of_part)
    _check_clip_skip(model.clip_skip, modules["text_encoder"].config.num_hidden_layers)
    return SD1(modules, clip_tokenizer(), found.prediction_type, model.clip_skip, model.max_token_length)


def _read_parts(found: ModelKind) -> dict[str, dict[str, Stored]]:
    """The weights in the file or folder `found`: part -> name in its module -> tensor."""
    if found.layout == "diffusers":
        folders = {part: _part_folder(found, part) for part in PART_NAMES}
        return {
            part: _named(part, open_weights(_weights_in(folder))) for part, folder in folders.items() if folder.is_dir()
        }
    split: dict[str, dict[str, Stored]] = {}
    tensors = open_weights(found.path)
    for name, tensor in tensors.items():
        part, rest = split_file_name(name) or ("", name)
        split.setdefault(part, {})[rest] = tensor
    if found.kind == "VAE" and "vae" not in split:
        split["vae"] = tensors
    return {part: _named(part, split[part]) for part in PART_NAMES if part in split}


def _named(part: str, tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """`tensors` under the names and in the shapes that the module has."""
    named = {}
    for file_name, tensor in tensors.items():
        name = module_name(part, file_name)
        if name is not None:
            is_kernel = part == "vae" and is_vae_attention_matrix(name) and len(tensor.shape) == 4
            named[name] = _as_matrix(tensor) if is_kernel else tensor
    return named


def _as_matrix(kernel: Stored) -> Stored:
    """A 1x1 convolution (out, in, 1, 1) as the matrix (out, in)."""
    return Stored(kernel.shape[:2], lambda: kernel.read()[:, :, 0, 0])


def _part_folder(found: ModelKind, part: str) -> Path:
    """Where a diffusers folder keeps `part`; a folder that is a VAE keeps it at its top."""
    at_top = found.kind == "VAE" and part == "vae" and not (found.path / part).is_dir()
    return found.path if at_top else found.path / part


def _config(found: ModelKind, part: str) -> dict[str, object]:
    return read_config(_part_folder(found, part) / "config.json") if found.layout == "diffusers" else {}


def _weights_in(folder: Path) -> Path:
    """The weight file of a part's `folder`. Raises UserError where there is none."""
    path = next((folder / name for name in FOLDER_WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise UserError(
            problem(
                "model_folder_without_weights",
                "{folder} holds no weights: expected diffusion_pytorch_model.safetensors or model.safetensors. "
                "Download the model folder again.",
                folder=str(folder),
            )
        )
    return path


def _check_clip_skip(clip_skip: int, layers: int) -> None:
    if clip_skip > layers:
        raise UserError(
            problem(
                "clip_skip_too_deep",
                "clip_skip is {clip_skip}, but this model's text encoder has only {layers} layers. Lower it.",
                clip_skip=clip_skip,
                layers=layers,
            )
        )


def _part_missing(path: Path, part: str) -> UserError:
    return UserError(
        problem(
            "model_part_missing",
            "{file} holds no {part}. Use a complete model; a missing VAE can be chosen in the VAE field.",
            file=str(path),
            part=PART_NAMES[part],
        )
    )
