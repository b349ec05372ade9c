"""The strength of an adapter whose rank is given without its alpha."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem


def rank_alone(
    config: TrainConfig, filed: Mapping[str, Any], typed: Mapping[str, Any], source_of: Mapping[str, str]
) -> list[Problem]:
    """A warning if `filed`, the values of a file, or `typed`, those of the command line, give a rank without its alpha.

    The adapter's strength follows from both, so the default alpha, or the file's beside a typed rank, decides it.
    """
    values = config.applicable()
    if "network_dim" not in values or "network_alpha" not in values:
        return []
    if values.get("full_matrix") or (values.get("network_weights") and values.get("dim_from_weights")):
        return []  # the strength is 1, or that of the file
    if _given(typed, "network_alpha") or not (_given(filed, "network_dim") or _given(typed, "network_dim")):
        return []
    rank, alpha, source = values["network_dim"], values["network_alpha"], source_of["network_dim"]
    divisor = _divisor(rank, values)
    if not _given(filed, "network_alpha"):
        return [
            problem(
                "rank_without_alpha",
                "network_dim = {rank} in {source} comes without network_alpha, so the default of {alpha} is used, "
                "which makes the adapter's strength {strength}. Write network_alpha = {even} for a strength of 1, or "
                "network_alpha = 1 for sd-scripts' default, a strength of {theirs}.",
                rank=rank, source=source, alpha=f"{alpha:g}", strength=f"{alpha / divisor:.3g}", even=f"{divisor:.4g}",
                theirs=f"{1 / divisor:.3g}",
            )
        ]
    before = _rank_in(filed)
    if not _given(typed, "network_dim") or before in (None, rank):
        return []
    return [
        problem(
            "rank_changed_alone",
            "network_dim = {rank} in {source} changes the rank only: network_alpha stays at {alpha}, which makes the "
            "adapter's strength {strength}. Write network_alpha = {even} for a strength of 1, or network_alpha = "
            "{same} for {before}, which the file has with rank {filed}.",
            rank=rank, source=source, alpha=f"{alpha:g}", strength=f"{alpha / divisor:.3g}", even=f"{divisor:.4g}",
            same=f"{alpha * divisor / _divisor(before, values):.4g}",
            before=f"{alpha / _divisor(before, values):.3g}", filed=before,
        )
    ]


def _given(values: Mapping[str, Any], name: str) -> bool:
    return values.get(name) not in (None, "")


def _divisor(rank: int, values: Mapping[str, Any]) -> float:
    """The number that the alpha is divided by to give the strength."""
    return math.sqrt(rank) if values.get("rs_lora") else float(rank)


def _rank_in(filed: Mapping[str, Any]) -> int | None:
    """The rank in a file; None where it has none that can be read."""
    try:
        return int(float(filed.get("network_dim") or TrainConfig().network.network_dim)) or None
    except (TypeError, ValueError, OverflowError):
        return None
