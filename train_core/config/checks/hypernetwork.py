"""Settings of a hypernetwork that make none."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problems_of
from train_core.config.syntax.hypernetworks import structure_of


def hypernetwork_contradictions(config: TrainConfig) -> list[Problem]:
    """Problems of the structure of a new hypernetwork."""
    if "layer_structure" not in config.applicable():
        return []
    return list(problems_of(lambda: structure_of(config.hypernetwork)))
