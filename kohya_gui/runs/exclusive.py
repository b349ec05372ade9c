"""Exclusive sections: one thread of one process at a time, on this machine and on others that share the drive."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from train_core.config.locks import take_lock
from train_core.config.places import home

LOOKS, SECONDS_BETWEEN_LOOKS = 600, 0.05  # while another is in the section, before it counts as hung

_threads: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # the lock files keep out other processes only


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Keep every other section of this name, in any page or terminal, waiting until the block ends."""
    with _threads[name]:
        lock = None
        with suppress(OSError):  # if it cannot be written, what follows reports it
            home().mkdir(parents=True, exist_ok=True)
            for _ in range(LOOKS):
                lock = take_lock(home() / f"{name}.lock")
                if lock is not None:
                    break
                time.sleep(SECONDS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()
