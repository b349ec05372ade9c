"""The peak of memory, on a processor; cards count it themselves."""

from __future__ import annotations

import psutil
import torch

from train_core.run.memory import MemoryWatch, card_name, finished_at, peak_so_far

CPU = torch.device("cpu")
MIB = 2**20


def test_what_was_used_for_a_moment_is_in_the_peak_until_it_is_forgotten() -> None:
    with MemoryWatch(CPU) as watch:
        before = watch.peak()
        held = torch.ones(300 * MIB, dtype=torch.uint8)
        assert int(held[-1]) == 1
        with_held = watch.peak()
        del held
        assert with_held >= before + 290 * MIB
        assert watch.peak() >= with_held
        watch.restart()
        assert watch.peak() <= with_held - 200 * MIB


def test_the_thread_sees_what_nobody_asks_about() -> None:
    with MemoryWatch(CPU) as watch:
        before = watch.peak()
        for _ in range(200):  # each of them is gone before anybody asks
            torch.ones(200 * MIB, dtype=torch.uint8)
            if watch._peak >= before + 190 * MIB:
                break
    assert watch._peak >= before + 190 * MIB


def test_free_and_total_are_the_computers() -> None:
    watch = MemoryWatch(CPU)
    assert watch.total == psutil.virtual_memory().total
    assert 0 < watch.free <= watch.total
    assert all(0 < size <= watch.total * 50 for size in watch.holders().values())


def test_the_process_has_a_peak_and_a_processor_no_name() -> None:
    assert peak_so_far(CPU) >= 0.9 * psutil.Process().memory_info().rss
    assert card_name(CPU) == ""
    assert finished_at(CPU) <= finished_at(CPU)
