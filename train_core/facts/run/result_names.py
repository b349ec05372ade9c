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


def state_folder(file_name: str) -> str:
    """The folder of the state that goes with the file `file_name`."""
    return f"{file_name.removesuffix('.safetensors')}-state"


def free_name(output_dir: Path, wanted: str) -> str:
    """`wanted`, or `wanted-2`, `wanted-3`, … : the first under which no run has saved anything in `output_dir`."""
    number = 1
    while True:
        name = wanted if number == 1 else f"{wanted}-{number}"
        if not _is_taken(output_dir, name):
            return name
        number += 1


def _is_taken(output_dir: Path, name: str) -> bool:
    """Whether a final, epoch or step file, a state, or a copy of the settings has `name`."""
    pattern = re.compile(re.escape(name) + r"(-\d{6}|-step\d{8})?(\.(safetensors|toml|(preset\.)?json)|-state)")
    return output_dir.is_dir() and any(pattern.fullmatch(path.name) for path in output_dir.iterdir())


def numbered(path: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3`, … that does not exist; the number comes before the ending."""
    ending = "-state" if path.name.endswith("-state") else path.suffix
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name.removesuffix(ending)}-{number}{ending}")
    return found
