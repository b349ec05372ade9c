"""Runs as their folders tell of them, without a process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from train_core.config.files import write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import runs_dir

Line = tuple[str, float, dict[str, Any]]
MakeRun = Callable[..., Path]


def line_of(kind: str, time: float, fields: dict[str, Any]) -> str:
    return json.dumps({"kind": kind, "time": time, **fields}) + "\n"


def progress(step: int, time: float, loss: float, average: float | None = None) -> Line:
    return "progress", time, {"step": step, "total_steps": 100, "epoch": 1, "epochs": 2, "loss": loss,
                              "average": average, "lr": {}, "speed": 1.0, "eta": 1.0}  # fmt: skip


@pytest.fixture
def make_run(config: TrainConfig) -> MakeRun:
    """`make_run(name, lines)` makes the folder of a run with these events; `flat` settings are changed."""

    def make(name: str, lines: Sequence[Line] = (), status: str = "completed", **flat: Any) -> Path:
        folder = runs_dir() / name
        folder.mkdir(parents=True)
        write_toml(folder / "config.toml", TrainConfig.from_flat({**config.flat(), **flat}))
        told = "".join(line_of(*line) for line in lines)
        end = line_of("finished", 2000.0, {"status": status, "path": "", "step": 100})
        (folder / "events.jsonl").write_text(told + end, encoding="utf-8")
        return folder

    return make
