"""No reader ends with anything but an answer or a UserError, whatever it is given, nor runs away."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.changes import BOMBS, changed
from tests.fuzz.readers import READERS
from tests.limits import MemoryLimit, resident

SECONDS = 20  # ten times what the slowest case should take, see bench/readers.py
BYTES = 3 * 2**30  # likewise
FEW, MANY = 200, 10_000


@pytest.fixture(autouse=True)
def little_memory(memory_limit: MemoryLimit) -> Iterator[None]:
    """Stops a reader that takes more than BYTES beside what the process has already."""
    usual, memory_limit.most = memory_limit.most, resident([psutil.Process()]) + BYTES
    yield
    memory_limit.most = usual


@contextmanager
def stopped_when_running_away() -> Iterator[None]:
    """Fails after SECONDS, where the system has such an alarm."""

    def fail(number: int, frame: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(name: str, folder: Path, cases: int) -> None:
    reader = READERS[name]

    @settings(
        max_examples=cases, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(content=changed(reader.seeds) if cases else st.nothing())
    def read(content: bytes) -> None:
        with stopped_when_running_away():
            reader(folder, content)

    read()


@pytest.mark.parametrize("name", READERS)
def test_valid_contents_are_read(name: str, tmp_path: Path) -> None:
    for content in READERS[name].seeds:
        READERS[name](tmp_path, content)


@pytest.mark.parametrize("name", READERS)
def test_every_bomb_is_refused_or_read(name: str, tmp_path: Path) -> None:
    for content in BOMBS:
        with stopped_when_running_away():
            READERS[name](tmp_path, content)


@pytest.mark.parametrize("name", READERS)
def test_a_few_hundred_changes(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_ten_thousand_changes(name: str, tmp_path: Path) -> None:
    fuzz(name, tmp_path, MANY)
