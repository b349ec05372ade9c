"""Adapter files: written whole or not at all, with the hashes that other software looks for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from train_core.config.problems import UserError, problem
from train_core.facts.tensor_files import read_tensor_file
from train_core.networks.hashes import adapter_hashes

KEY_PREFIXES = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_")


def save_adapter(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `tensors` to `path` as safetensors, with `metadata` and the `sshs_` hashes of the contents.

    Another file of this name is only replaced once the new one is complete. UserError when it cannot be written.
    """
    complete = {**metadata, **adapter_hashes(tensors, metadata)}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file(tensors, temporary, complete)
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise UserError(
            problem(
                "adapter_not_written",
                "{file} could not be written ({reason}). Free some space on the drive, or choose another output_dir.",
                file=str(path), reason=str(error),
            )
        ) from error  # fmt: skip


def load_adapter(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors by name, on the CPU in the file's dtype, and the metadata of an adapter file.

    UserError when it is missing, damaged, no safetensors file, or holds something else than an adapter.
    """
    found = read_tensor_file(path)
    if found.layout != "safetensors":
        raise UserError(
            problem(
                "adapter_not_safetensors",
                "{file} is not a safetensors file. Convert the adapter to .safetensors first.",
                file=str(path),
            )
        )
    if not any(name.startswith(KEY_PREFIXES) for name in found.tensors):
        raise UserError(
            problem(
                "adapter_not_recognised",
                "{file} holds no adapter: none of its {count} tensors is named lora_unet_… or lora_te_…. "
                "Choose the file of a LoRA.",
                file=str(path), count=len(found.tensors),
            )
        )  # fmt: skip
    return safetensors.torch.load_file(path), found.metadata
