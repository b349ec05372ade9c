"""The names of results, and which of them are still free."""

from __future__ import annotations

import re
from pathlib import Path


def epoch_file(name: str, epoch: int) -> str:
    """The file saved after `epoch`, counted from 1."""
    return f"{name}-{epoch:06d}.safetensors"


def step_file(name: str, step: int) -> str:
    """The file saved after optimizer step `step`, counted from 1."""
    return f"{name}-step{step:08d}.safetensors"


def final_file(name: str) -> str:
    """The file saved when the run is complete."""
    return f"{name}.safetensors"


def free_name(output_dir: Path, wanted: str) -> str:
    """`wanted`, or `wanted-2`, `wanted-3`, … : the first under which no run has saved anything in `output_dir`."""
    number = 1
    while True:
        name = wanted if number == 1 else f"{wanted}-{number}"
        if not _is_taken(output_dir, name):
            return name
        number += 1


def _is_taken(output_dir: Path, name: str) -> bool:
    """Whether a final, epoch or step file, or a copy of the settings, bears `name`."""
    pattern = re.compile(re.escape(name) + r"(-\d{6}|-step\d{8})?\.(safetensors|toml|json)")
    return output_dir.is_dir() and any(pattern.fullmatch(path.name) for path in output_dir.iterdir())
