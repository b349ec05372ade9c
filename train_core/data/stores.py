"""Stores of cached latents and text outputs: in memory, or in files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file
from torch import Tensor

from train_core.config.problems import Problem, UserError, cause_of, problem
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

    def remarks(self) -> list[Problem]:
        """Warnings about what could not be stored as intended."""


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

    def remarks(self) -> list[Problem]:
        return []


class DiskStore:
    """Keeps the tensors of each key in a safetensors file below `folder`, for this and later runs.

    If the drive is full, what cannot be written is kept in memory for this run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unwritten = MemoryStore()
        self.reasons: set[str] = set()

    def lacks(self, key: str) -> bool:
        if not self.unwritten.lacks(key):
            return False
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
        except (OSError, SafetensorError) as error:
            if self.lacks(key):  # otherwise another run has it open, on Windows, and it is complete
                self.reasons.add(cause_of(error))
                self.unwritten.put(key, tensors)

    def get(self, key: str) -> Tensors:
        if not self.unwritten.lacks(key):
            return self.unwritten.get(key)
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
        """Exchange what could not be written; the files are available to all processes."""
        self.unwritten.share()
        self.reasons = set().union(*gather(self.reasons))

    def remarks(self) -> list[Problem]:
        """A warning about what the processes could not write. Call it after `share`."""
        if not self.reasons:
            return []
        return [
            problem(
                "cache_not_written",
                "{count} files of the cache could not be written to {folder} ({reason}), so they are kept in memory "
                "for this run. Free some space there.",
                count=len(self.unwritten.kept), folder=str(self.folder), reason=min(self.reasons),
            )
        ]

    def broken(self, keys: Iterable[str]) -> list[Path]:
        """The files of `keys` whose tensors are not all numbers."""
        return [
            self.path(key) for key in keys
            if not all(bool(torch.isfinite(tensor).all()) for tensor in self.get(key).values())
        ]  # fmt: skip

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"
