"""Who else holds memory: other programs, by how much they hold."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable

import psutil

from train_core.facts.machine.nvidia import users_of

MOST = 5  # programs that are named
LEAST_SHARE = 0.01  # of all memory, that a program holds to be named


def largest_holders(held: Iterable[tuple[str, int]], total: int) -> dict[str, int]:
    """Bytes by program, the largest first: at most five, without small ones. Processes of one name are added up."""
    sums: Counter[str] = Counter()
    for name, size in held:
        sums[name] += size
    return {name: size for name, size in sums.most_common(MOST) if size >= max(1, total * LEAST_SHARE)}


def holders_of_main_memory() -> dict[str, int]:
    """The programs besides this one that hold most of the computer's memory."""
    own = own_processes()
    held = []
    for process in psutil.process_iter():
        try:
            if process.pid not in own:
                held.append((process.name(), process.memory_info().rss))
        except psutil.Error:
            continue  # it has ended, or is not ours to look at
    return largest_holders(held, psutil.virtual_memory().total)


def holders_of_card(uuid: str, total: int) -> dict[str, int]:
    """The programs besides this one that compute on the NVIDIA card with this UUID and `total` bytes."""
    own = own_processes()
    return largest_holders((user for pid, user in users_of(uuid).items() if pid not in own), total)


def own_processes() -> set[int]:
    """This process, those that it has started, and its launcher."""
    own = psutil.Process(os.getpid())
    try:
        started = [child.pid for child in own.children(recursive=True)]
    except psutil.Error:
        started = []
    return {own.pid, os.getppid(), *started}
