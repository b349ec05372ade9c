"""The processes that train together, as far as preparing data needs to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch.distributed as dist

T = TypeVar("T")

# A process may wait for another one that encodes thousands of images on a slow device.
_PATIENCE = timedelta(days=7)


def processes() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def own_share(items: Sequence[T]) -> list[T]:
    """The part of `items` that this process has to work on: every n-th of them."""
    rank = dist.get_rank() if processes() > 1 else 0
    return list(items[rank :: processes()])


def gather(own: T) -> list[T]:
    """Gather what each process gave, in the order of ranks. Goes over the CPU, so that cards need no room for it."""
    if processes() == 1:
        return [own]
    everyones = [own] * processes()
    dist.all_gather_object(everyones, own, group=_patient_group(dist.group.WORLD))
    return everyones


@cache
def _patient_group(world: dist.ProcessGroup | None) -> dist.ProcessGroup:
    """All processes of `world`, over the CPU and with patience; one group for all exchanges."""
    return dist.new_group(backend="gloo", timeout=_PATIENCE)
