"""Adapter files, with the hashes that other software looks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from train_core.models.files.stored import in_memory
from train_core.models.files.writing import write_safetensors
from train_core.networks.files.hashes import adapter_hashes


def save_adapter(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `tensors` to `path` as safetensors, with `metadata` and the `sshs_` hashes of the contents.

    Another file of this name is only replaced once the new one is complete. UserError when it cannot be written.
    """
    write_safetensors(path, in_memory(tensors), {**metadata, **adapter_hashes(tensors, metadata)})
