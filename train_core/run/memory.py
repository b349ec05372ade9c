"""The memory that this process uses on its device: the peak, what is free, and who holds the rest."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psutil
import torch

from train_core.facts.machine.holders import holders_of_card, holders_of_main_memory

SECONDS_BETWEEN_LOOKS = 0.005


class MemoryWatch:
    """Watches the memory of `device` within a `with` block: of a card what is taken of it, else all of the process.

    A CUDA card counts its peak itself; elsewhere a thread looks often. `free` and `total` are as the block began, in
    bytes; what the process itself had taken by then counts as free.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.free, self.total = _free_and_total(device)
        self._used = _used_on(device)
        self._peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True, name="memory")

    def __enter__(self) -> Self:
        self.restart()
        if self.device.type != "cuda":
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def restart(self) -> None:
        """Forget the peak, after giving back what is not used."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
        elif self.device.type == "mps":
            torch.mps.empty_cache()
        self._peak = self._used()

    def peak(self) -> int:
        """The most bytes that were used at once since the start or `restart`."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_reserved(self.device)
        self._peak = max(self._peak, self._used())
        return self._peak

    def holders(self) -> dict[str, int]:
        """Bytes by program of what else holds memory, the largest first; empty where that is not known."""
        if self.device.type == "cuda":
            uuid = getattr(torch.cuda.get_device_properties(self.device), "uuid", "")
            return holders_of_card(f"GPU-{uuid}" if uuid else "", self.total)
        return holders_of_main_memory()

    def _look_on(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            self._peak = max(self._peak, self._used())


def _free_and_total(device: torch.device) -> tuple[int, int]:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device), total
    if device.type == "mps":
        total = torch.mps.recommended_max_memory()
        return total, total
    memory, own = psutil.virtual_memory(), psutil.Process().memory_info().rss
    return min(memory.total, memory.available + own), memory.total


def _used_on(device: torch.device) -> Callable[[], int]:
    """A function that gives the bytes in use now."""
    if device.type == "cuda":
        return lambda: torch.cuda.memory_reserved(device)
    process = psutil.Process()  # kept, since making one takes longer than asking it
    return torch.mps.driver_allocated_memory if device.type == "mps" else lambda: int(process.memory_info().rss)


def peak_so_far(device: torch.device) -> int:
    """The most bytes that this process has used at once: of the card, or of main memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # noqa: PLC0415 - Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def card_name(device: torch.device) -> str:
    """The name of a card; "" for the processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""


def finished_at(device: torch.device) -> float:
    """The time, by a clock that only grows, at which everything asked of `device` is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.monotonic()
