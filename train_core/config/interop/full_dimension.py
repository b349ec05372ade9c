"""LoKr's ranks far above any layer, by which LyCORIS's users ask for the full matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problem

RANKS = ("network_dim", "conv_dim")


def lokr_in_full(ours: dict[str, Any], source_of: Callable[[str], str]) -> list[Problem]:
    """Turn ranks above the bounds into `full_matrix`, and say so; every matrix of low rank is whole with it.

    Raises `UserError` where only the convolutions are to be whole, which is no setting here.
    """
    limits = {s.name: int(s.bound("le") or 0) for s in TrainConfig.settings() if s.name in (*RANKS, "network_alpha")}
    above = [name for name in RANKS if _number(ours.get(name)) > limits[name]]
    if str(ours.get("LoRA_type", "")).strip().lower() != "lokr" or not above:
        return []
    name = above[0]
    facts = {"name": name, "value": ours[name], "source": source_of(name)}
    if len(above) < len(RANKS) and (name == "conv_dim" or _number(ours.get("conv_dim")) > 0):
        raise UserError(
            problem(
                "lokr_full_partly",
                "{name} = {value} in {source} asks for LoKr's full matrix in some layers only. Here full_matrix = true "
                "makes it whole in all of them: set it, and {name} to {limit} at most.",
                limit=limits[name], **facts,
            )
        )
    ours |= {name: limits[name] for name in above} | {"full_matrix": True}
    for alpha in ("network_alpha", "conv_alpha"):
        if _number(ours.get(alpha)) > limits["network_alpha"]:
            ours[alpha] = limits["network_alpha"]  # without ranks the strength is 1 whatever it says
    return [
        problem(
            "lokr_full_dimension",
            "{name} = {value} in {source} is above every layer's size, which means the full matrix for LoKr: "
            "full_matrix = true is used.",
            **facts,
        )
    ]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
