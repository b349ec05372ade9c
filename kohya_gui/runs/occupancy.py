"""The devices that runs compute on, and which of them are free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from kohya_gui.runs.devices import Hardware, find_hardware
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import AT_WORK
from kohya_gui.runs.tools import active_tool
from train_core.config.files import flatten, read_tables
from train_core.config.problems import UserError
from train_core.facts.machine import nvidia
from train_core.facts.run.run_folders import SETTINGS, job_in


def devices_of(folder: Path) -> frozenset[str]:
    """Names of the devices that the run in `folder` computes on: numbers of cards, or the processor.

    Empty for a job that needs none, and for settings that cannot be read, which the launcher reports.
    """
    job = job_in(folder)
    if job is None or job.uses == "cpu":
        return frozenset()
    try:
        values = flatten(read_tables(folder / SETTINGS), "")
    except UserError:
        return frozenset()
    device = hardware().device
    if device != "cuda" or (values.get("use_cpu") is True and job.uses == "processes"):
        return frozenset({"cpu" if values.get("use_cpu") is True else device})
    named = [card.strip() for card in str(values.get("gpu_ids") or "").split(",") if card.strip()]
    if job.uses == "device" or not named:
        return frozenset(str(card) for card in range(_processes_here(values) if job.uses == "processes" else 1))
    return frozenset(named)


def occupied() -> Counter[str]:
    """How many runs and tools compute on each device now, whoever started them."""
    working = [run.folder for run in list_runs() if run.status in AT_WORK]
    tool = active_tool()
    working += [tool] if tool is not None else []
    return Counter(device for folder in working for device in devices_of(folder))


@lru_cache(maxsize=1)
def card_memory() -> int | None:
    """Bytes of the smallest NVIDIA card that jobs may use; None without one. It does not change either."""
    if hardware().device != "cuda":
        return None
    return min((card.memory for card in nvidia.cards()), default=None)


def has_room(devices: Iterable[str], taken: Counter[str], at_once: int) -> bool:
    """Whether one more run may use `devices` if `at_once` may use each."""
    return all(taken[device] < at_once for device in devices)


def _processes_here(values: dict[str, object]) -> int:
    counts = [values.get(name) for name in ("num_processes", "num_machines")]
    processes, machines = (count if isinstance(count, int) and count > 0 else 1 for count in counts)
    return max(1, processes // machines)


@lru_cache(maxsize=1)
def hardware() -> Hardware:
    """The machine's devices, which do not change while the program runs."""
    return find_hardware()
