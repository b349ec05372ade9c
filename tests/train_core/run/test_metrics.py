"""What a run reports of its steps."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from train_core.events.event import Event
from train_core.events.kinds import Progress
from train_core.events.log import line_of
from train_core.run.metrics import Metrics


def reports(tmp_path: Path, *norms: float | None) -> list[Progress]:
    sent: list[Event] = []
    metrics = Metrics(sent.append, tmp_path, total_steps=9, epochs=1, steps_per_epoch=9)
    for step, norm in enumerate(norms, 1):
        metrics.step(step, 1, torch.tensor(0.5), {"unet": 1e-4}, None, None if norm is None else torch.tensor(norm))
        metrics.flush()
    metrics.close()
    return [event for event in sent if isinstance(event, Progress)]


def test_the_length_of_the_gradients_is_reported_where_it_is_a_number(tmp_path: Path) -> None:
    assert [one.grad_norm for one in reports(tmp_path, 2.5, None, math.inf)] == [2.5, None, None]


def test_without_a_card_no_memory_is_reported_and_nothing_is_written_for_it(tmp_path: Path) -> None:
    line = line_of(reports(tmp_path, None)[0])
    assert not {"memory", "grad_norm"} & set(line)
