"""A limit on memory that only a runaway test meets; the one on time is pytest-timeout's, set in pyproject.toml."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

import psutil

MOST_BYTES = 10 * 2**30  # a test of full-size models takes 8 GiB at most
SECONDS_BETWEEN_LOOKS = 1.0


class MemoryLimit:
    """Watches this process and its children from a thread, while a test runs, and fails the test that takes too much.

    Children are killed, then the main thread is interrupted by a signal: by `fail` where it is in Python code, and by
    the end of the whole process where it cannot be interrupted within a minute. Systems without that signal (Windows)
    go without.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self.running = ""
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to watch. Call it in the main thread."""
        signal.signal(signal.SIGUSR2, self._fail)
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._ended.set()

    def _watch(self) -> None:
        own = psutil.Process()
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            children = own.children(recursive=True)
            tree = [own, *children]
            if self.running and resident(tree) > self.most and taken(tree) > self.most:
                for child in children:
                    _kill(child)
                os.kill(own.pid, signal.SIGUSR2)
                if self._ended.wait(60):
                    return

    def _fail(self, _signal: int, _frame: FrameType | None) -> None:
        raise MemoryError(f"{self.running} and its processes took more than {self.most / 2**30:.0f} GiB of memory")


def taken(processes: list[psutil.Process]) -> int:
    """Bytes that the processes take; pages that forked ones share count once where the system tells (Linux)."""
    def share(process: psutil.Process) -> int:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))

    return sum(_of(process, share) for process in processes)


def resident(processes: list[psutil.Process]) -> int:
    """Bytes that the processes hold, shared pages once for each: never less than `taken`, and quick to find out."""
    return sum(_of(process, lambda its: its.memory_info().rss) for process in processes)


def _of(process: psutil.Process, look: Callable[[psutil.Process], int]) -> int:
    try:
        return look(process)
    except psutil.Error:  # it has just ended
        return 0


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
