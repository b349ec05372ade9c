"""Adapter files, with the hashes that other software looks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from train_core.kinds import stated_kind
from train_core.models.files.stored import in_memory
from train_core.models.files.writing import write_safetensors
from train_core.networks.files.hashes import adapter_hashes
from train_core.networks.kernels import as_in_files


def save_adapter(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write `tensors` to `path` as safetensors, with `metadata` and the `sshs_` hashes of the contents.

    Layers have the shapes that sd-scripts gives them. Another file of this name is only replaced once the new one is
    complete. UserError when it cannot be written.
    """
    tensors = _in_shape(tensors, stated_kind(metadata))
    write_safetensors(path, in_memory(tensors), {**metadata, **adapter_hashes(tensors, metadata)})


def _in_shape(tensors: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    """`tensors` by their full names in the shapes that files of this `kind` have."""
    found = {}
    for full, tensor in tensors.items():
        key, _, name = full.partition(".")
        found[full] = tensor.reshape(as_in_files(key, {name: tuple(tensor.shape)}, kind)[name])
    return found
