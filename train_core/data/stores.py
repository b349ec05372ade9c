"""Where cached latents are kept: in memory, or in files of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import torch.distributed as dist
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save_file

from train_core.config.problems import UserError, problem
from train_core.data.moments import Moments

# A process may wait for another one that encodes thousands of images on a slow device.
_PATIENCE = timedelta(days=7)


class Store(Protocol):
    """Moments (C, h, w) of single images by key."""

    def lacks(self, key: str) -> bool:
        """Whether `key` is not there, or there but broken."""

    def put(self, key: str, moments: Moments) -> None:
        """Keep `moments` under `key`."""

    def get(self, key: str) -> Moments:
        """What was kept under `key`."""

    def share(self) -> None:
        """Wait until all processes have put what they had; then each can get everything."""


class MemoryStore:
    """Keeps moments in this process's memory; lost with it."""

    def __init__(self) -> None:
        self.kept: dict[str, Moments] = {}

    def lacks(self, key: str) -> bool:
        return key not in self.kept

    def put(self, key: str, moments: Moments) -> None:
        self.kept[key] = moments

    def get(self, key: str) -> Moments:
        return self.kept[key]

    def share(self) -> None:
        """Exchange what the processes hold, over the CPU, so that cards need no room for it."""
        if processes() == 1:
            return
        group = dist.new_group(backend="gloo", timeout=_PATIENCE)
        everyones: list[dict[str, Moments]] = [{} for _ in range(processes())]
        dist.all_gather_object(everyones, self.kept, group=group)
        for kept in everyones:
            self.kept.update(kept)


class DiskStore:
    """Keeps each image's moments in a safetensors file below `folder`, for this and later runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lacks(self, key: str) -> bool:
        path = self.path(key)
        if not path.is_file():
            return True
        try:
            with safe_open(path, "pt") as file:
                return set(file.keys()) != {"mean", "logvar"}
        except (SafetensorError, OSError):
            return True

    def put(self, key: str, moments: Moments) -> None:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{key}.")
        os.close(handle)
        try:
            save_file({"mean": moments.mean, "logvar": moments.logvar}, temporary)
            _replace(Path(temporary), path, other_is_good=lambda: not self.lacks(key))
        finally:
            Path(temporary).unlink(missing_ok=True)

    def get(self, key: str) -> Moments:
        path = self.path(key)
        try:
            tensors = load(path.read_bytes())  # not mapped: a file cut short under a mapping kills the process
        except (SafetensorError, OSError) as error:
            raise UserError(
                problem(
                    "latents_lost",
                    "The cached latents {path} can no longer be read. Start the run again: they are made anew.",
                    path=str(path),
                )
            ) from error
        return Moments(tensors["mean"], tensors["logvar"])

    def share(self) -> None:
        if processes() > 1:
            dist.barrier(group=dist.new_group(backend="gloo", timeout=_PATIENCE))

    def path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def own_share(keys: Sequence[str]) -> list[str]:
    """The part of `keys` that this process has to make: every n-th of them."""
    rank = dist.get_rank() if processes() > 1 else 0
    return list(keys[rank :: processes()])


def _replace(source: Path, target: Path, other_is_good: Callable[[], bool]) -> None:
    """Rename; on Windows a file that another run is reading cannot be replaced, and need not be if it is good."""
    try:
        source.replace(target)
    except PermissionError:
        if not other_is_good():
            raise
