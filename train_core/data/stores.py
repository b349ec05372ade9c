"""Stores of cached latents and text outputs: in memory, or in files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor

from train_core.config.problems import UserError, problem
from train_core.config.whole_files import write_whole
from train_core.data.processes import gather

Tensors = dict[str, Tensor]


class Store(Protocol):
    """Tensors on the CPU, named, of single images or texts by key."""

    def lacks(self, key: str) -> bool:
        """Whether `key` is missing or damaged."""

    def put(self, key: str, tensors: Tensors) -> None:
        """Keep `tensors` under `key`."""

    def get(self, key: str) -> Tensors:
        """Value kept under `key`."""

    def share(self) -> None:
        """Called when all processes have put what they had; afterwards each can get everything."""


class MemoryStore:
    """Keeps tensors in this process's memory; lost with it."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensors] = {}

    def lacks(self, key: str) -> bool:
        return key not in self.kept

    def put(self, key: str, tensors: Tensors) -> None:
        self.kept[key] = tensors

    def get(self, key: str) -> Tensors:
        return self.kept[key]

    def share(self) -> None:
        """Exchange what the processes hold."""
        for kept in gather(self.kept):
            self.kept.update(kept)


class DiskStore:
    """Keeps the tensors of each key in a safetensors file below `folder`, for this and later runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lacks(self, key: str) -> bool:
        path = self.path(key)
        if not path.is_file():
            return True
        try:
            with safe_open(path, "pt"):
                return False
        except (SafetensorError, OSError):
            return True

    def put(self, key: str, tensors: Tensors) -> None:
        path = self.path(key)
        try:
            with write_whole(path) as temporary:
                save_file(tensors, temporary)
        except PermissionError:  # Windows replaces no file that another run is reading, and need not if it is good
            if self.lacks(key):
                raise

    def get(self, key: str) -> Tensors:
        path = self.path(key)
        try:
            return load(path.read_bytes())  # not mapped: a file cut short under a mapping kills the process
        except (SafetensorError, OSError) as error:
            raise UserError(
                problem(
                    "cache_lost",
                    "The cache file {path} can no longer be read. Start the run again; it will be rebuilt.",
                    path=str(path),
                )
            ) from error

    def share(self) -> None:
        """Do nothing: the files are there for all."""

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"
