"""A DyLoRA cut between its units: a LoRA for each rank that it was trained to work with."""

from __future__ import annotations

import math

from torch import Tensor

from train_core.config.jobs.tools import SplitDylora
from train_core.config.problems import UserError, problem
from train_core.networks.algorithms.lora import LoraLayer
from train_core.workshop.common.adapters import open_adapter
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import (
    dtype_of,
    metadata_of,
    require_free,
    result_path,
    stored_dtype,
    write_adapter,
)


def run(config: SplitDylora, report: Report) -> None:
    """Write NAME-0004.safetensors, NAME-0008.safetensors and so on."""
    settings, result = config.split_dylora, config.result
    path = result_path(result)
    file = open_adapter(settings.adapter, report)
    modules = {key: module.read() for key, module in file.modules.items()}
    ranks = {len(values["lora_down.weight"]) for values in modules.values() if "lora_down.weight" in values}
    if len(ranks) != 1 or any(module.algorithm is not LoraLayer for module in file.modules.values()):
        raise UserError(
            problem(
                "not_a_dylora",
                "{file} is not a DyLoRA: all of a DyLoRA's layers are LoRAs of the same rank, but this file has ranks "
                "{ranks}.",
                file=str(file.path), ranks=", ".join(map(str, sorted(ranks))) or "–",
            )
        )
    (rank,) = ranks
    wanted = [*range(settings.unit, rank, settings.unit), rank]
    paths = {size: path.with_name(f"{path.stem}-{size:04d}{path.suffix}") for size in wanted}
    for one in paths.values():
        require_free(one, result.overwrite)
    progress = report.stage("splitting")
    for done, (size, one) in enumerate(paths.items(), 1):
        cut = {key: values | _first_ranks(values, size, rank) for key, values in modules.items()}
        metadata = metadata_of([file], file.kind, size, one.stem, keep=True)
        write_adapter(one, cut, dtype_of(result) or stored_dtype([file]), metadata, report, file.others)
        progress(done, len(paths))


def _first_ranks(values: dict[str, Tensor], size: int, rank: int) -> dict[str, Tensor]:
    """The first ranks at the strength of the training: times √(rank / size), which the alpha includes.

    Sparse numbers are scaled by the alpha too, but are not cut.
    """
    alpha = float(values["alpha"]) if "alpha" in values else float(rank)
    louder = math.sqrt(rank / size)
    strength = alpha / rank * louder
    sparse = {"bias_values": values["bias_values"] / louder} if "bias_values" in values else {}
    return sparse | {
        "lora_up.weight": values["lora_up.weight"][:, :size], "lora_down.weight": values["lora_down.weight"][:size],
        "alpha": values["lora_down.weight"].new_tensor(strength * size),
    }  # fmt: skip
