"""Settings of compiling checked against what cannot be compiled."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import joined
from train_core.config.problems import Problem, problem

DROPOUTS = ("network_dropout", "rank_dropout", "module_dropout", "use_dropout")


def compiling_contradictions(config: TrainConfig) -> list[Problem]:
    """Contradictions between one graph for a whole block and what is drawn within the block."""
    applied = config.applicable()
    if not applied.get("dynamo_use_fullgraph"):
        return []
    drawn = [name for name in DROPOUTS if applied.get(name)]
    if applied.get("LoRA_type") == "DyLoRA":
        drawn.append("LoRA_type = DyLoRA")
    if not drawn:
        return []
    return [
        problem(
            "fullgraph_with_draws",
            "dynamo_use_fullgraph is on, but what {names} leaves out is drawn anew at every step, which cannot be "
            "compiled. Turn off dynamo_use_fullgraph, or do without {names}.",
            names=joined("comma", drawn),
        )
    ]
