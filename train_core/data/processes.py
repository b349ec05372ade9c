"""The processes that train together, as far as preparing data needs to know of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from train_core.config.problems import Problem, UserError

T = TypeVar("T")


# A process may wait for another one that encodes thousands of images on a slow device.
_PATIENCE = timedelta(days=7)


class UnreadableDataError(UserError):
    """Error for images or cached data that can no longer be read; raised in all processes, between two steps."""


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


def tell(told: T | None) -> T | None:
    """What the main process has `told`, in every process; each has to call it."""
    listed = [told]
    dist.broadcast_object_list(listed, src=0, group=_patient_group(dist.group.WORLD))
    return listed[0]


def give(tensor: Tensor) -> None:
    """Send a `tensor`, over the CPU, to the main process, which has to `take` it."""
    dist.send(tensor.detach().cpu().contiguous(), 0, group=_patient_group(dist.group.WORLD))


def take(into: Tensor, rank: int) -> None:
    """Receive in the main process the tensor that the one with this `rank` gives, as the values of `into`."""
    dist.recv(into, rank, group=_patient_group(dist.group.WORLD))


def in_step(items: Iterable[T]) -> Iterator[T]:
    """`items`, the same number in every process. If one process cannot read its next item, all of them raise
    `UnreadableDataError` with all problems found, so that none waits for it forever.
    """
    source, end = iter(items), object()
    while True:
        problems: tuple[Problem, ...] = ()
        try:
            item = next(source, end)
        except UserError as error:
            problems, item = error.problems, end
        _raise_everywhere(problems)
        if item is end:
            return
        yield item  # type: ignore[misc]


def _raise_everywhere(problems: tuple[Problem, ...]) -> None:
    if processes() > 1:
        found = torch.tensor(len(problems))
        dist.all_reduce(found, group=_patient_group(dist.group.WORLD))
        problems = tuple(problem for their in gather(problems) for problem in their) if found else ()
    if problems:
        raise UnreadableDataError(*problems)


@cache
def _patient_group(world: dist.ProcessGroup | None) -> dist.ProcessGroup:
    """All processes of `world`, over the CPU and with patience; one group for all exchanges."""
    return dist.new_group(backend="gloo", timeout=_PATIENCE)
