"""Whole blocks cannot be one compiled graph where something within them is drawn anew at every step."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.checks.compiling import compiling_contradictions
from train_core.config.jobs.train import TrainConfig

FULL = {"dynamo_backend": "inductor", "dynamo_use_fullgraph": True}
HYPERNETWORK = {"training_method": "hypernetwork", "use_dropout": True}


def names(**settings: Any) -> list[str]:
    found = compiling_contradictions(TrainConfig.from_flat(settings))
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("drawn", "name"),
    [
        ({"network_dropout": 0.1}, "network_dropout"), ({"LoRA_type": "LoHa", "rank_dropout": 0.1}, "rank_dropout"),
        ({"module_dropout": 0.1}, "module_dropout"), ({"LoRA_type": "DyLoRA"}, "LoRA_type = DyLoRA"),
        (HYPERNETWORK, "use_dropout"),
    ],
)  # fmt: skip
def test_what_is_drawn_within_a_block_is_named(drawn: dict[str, Any], name: str) -> None:
    (said,) = names(**FULL, **drawn)
    assert name in said


@pytest.mark.parametrize(
    "settings",
    [
        FULL, {"network_dropout": 0.1}, {"dynamo_use_fullgraph": True, "network_dropout": 0.1},
        {"dynamo_backend": "inductor", "network_dropout": 0.1},
        {**FULL, "training_method": "fine-tuning", "network_dropout": 0.1},
    ],
    ids=str,
)  # fmt: skip
def test_what_works_or_does_not_apply_is_no_contradiction(settings: dict[str, Any]) -> None:
    assert names(**settings) == []
