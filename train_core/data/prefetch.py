"""Batches on the device that trains, the next one fetched while the present one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from train_core.data.batch import Batch

T = TypeVar("T")
R = TypeVar("R")


def batches_on(device: torch.device, batches: Iterable[Batch]) -> Iterator[Batch]:
    """`batches` in their order, on `device`: on a processor themselves, on a CUDA card copied one ahead."""
    if device.type == "cpu":
        return iter(batches)
    if device.type != "cuda":
        return (batch.mapped(lambda tensor: tensor.to(device)) for batch in batches)
    return _uploaded(device, batches)


def _uploaded(device: torch.device, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Each batch is copied from pinned memory on a separate stream, so that the card keeps computing."""
    copying = torch.cuda.Stream(device)

    def upload(batch: Batch) -> tuple[Batch, torch.cuda.Event]:
        pinned = batch.mapped(lambda tensor: tensor.pin_memory())
        with torch.cuda.stream(copying):
            return pinned.mapped(lambda tensor: tensor.to(device, non_blocking=True)), copying.record_event()

    for batch, copied in one_ahead(batches, upload):
        torch.cuda.current_stream(device).wait_event(copied)
        yield batch.mapped(_in_use)


def _in_use(tensor: Tensor) -> Tensor:
    """`tensor`, whose memory is not reused before the current stream is done with it."""
    tensor.record_stream(torch.cuda.current_stream(tensor.device))
    return tensor


def one_ahead(items: Iterable[T], prepare: Callable[[T], R]) -> Iterator[R]:
    """`items` in their order, `prepare`d in a thread, the next one while the caller uses the last.

    What reading or preparing an item raises is raised in its place. Whoever stops early waits for the one item that is
    on its way, and then no thread is left and `items` is closed.
    """
    source, end = iter(items), object()

    def fetch() -> object:
        item = next(source, end)
        return item if item is end else prepare(item)  # type: ignore[arg-type]

    with ThreadPoolExecutor(1, "prefetch") as thread:
        coming = thread.submit(fetch)
        try:
            while (item := coming.result()) is not end:
                coming = thread.submit(fetch)
                yield item  # type: ignore[misc]
        finally:
            coming.cancel()
            thread.shutdown()
            if isinstance(source, Iterator) and hasattr(source, "close"):
                source.close()
