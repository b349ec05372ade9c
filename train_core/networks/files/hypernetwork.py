"""Reading and writing a hypernetwork's file, as A1111 has it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from train_core.config.syntax.hypernetworks import Structure
from train_core.facts.adapters.hypernetwork_files import HypernetworkFile
from train_core.facts.models.tensor_files import TensorFile
from train_core.models.files.finite import rounded
from train_core.models.files.pickling import write_pickled
from train_core.models.files.stored import stored_tensors

SHORT_HASH = 10  # digits by which A1111 names a checkpoint


@torch.no_grad()
def load_networks(networks: nn.ModuleDict, started: HypernetworkFile) -> None:
    """Take over the weights of a file, whose structure `networks` have. Raises `UserError` for broken numbers."""
    parameters = dict(networks.named_parameters())
    file = started.file
    stored = stored_tensors(TensorFile(file.path, file.layout, dict(started.tensors), file.metadata))
    for name, one in stored.items():
        parameters[name].copy_(one.read())


def save_hypernetwork(
    path: Path, networks: nn.ModuleDict, structure: Structure, steps: int, dtype: torch.dtype,
    metadata: Mapping[str, str],
) -> None:
    """Write `networks` in `dtype`, with `metadata` beside what A1111 asks for, which leaves that alone.

    UserError when the file cannot be written, `NotFiniteError` when a value is not a number.
    """
    weights = {name: rounded(one, dtype, path, name) for name, one in networks.named_parameters()}
    pairs = {int(width): tuple(_beginning_with(f"{width}.{side}.", weights) for side in (0, 1)) for width in networks}
    write_pickled(path, {**pairs, **_said(path.stem, structure, steps, metadata), "__metadata__": dict(metadata)})


def _beginning_with(start: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(start): one for name, one in weights.items() if name.startswith(start)}


def _said(name: str, structure: Structure, steps: int, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What the file says of itself, by A1111's names."""
    known = {key: value for key, value in metadata.items() if value not in ("", "None")}
    uses_dropout = any(structure.dropout)
    return {
        "step": steps, "name": name, "layer_structure": list(structure.layers), "activation_func": structure.activation,
        "is_layer_norm": structure.layer_norm, "weight_initialization": structure.init,
        "sd_checkpoint": known.get("ss_new_sd_model_hash", "")[:SHORT_HASH] or None,
        "sd_checkpoint_name": Path(known.get("ss_sd_model_name", "")).stem or None,
        "activate_output": structure.activate_output, "use_dropout": uses_dropout,
        "dropout_structure": list(structure.dropout), "last_layer_dropout": bool(structure.dropout[-2]),
        "optional_info": known.get("modelspec.description"),
    }  # fmt: skip
