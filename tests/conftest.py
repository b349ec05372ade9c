"""Tiers and limits, the same for every test: each belongs to one tier, and none may take a machine's whole memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.limits import MemoryLimit
from tests.tiers import TIERS, tier_of
from train_core.config.places import app_dir

# An example may take as long as a busy machine makes it; runaways are stopped by the tests' own limits.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the options of tests/windows."""
    parser.addoption("--windows", metavar="COMMAND", default="", help="command that runs Windows' Python, for "
                     "tests/windows: its arguments are appended")
    parser.addoption("--windows-copy", metavar="DIR", default="", help="folder that keeps the copy of the program set "
                     "up on Windows from one time to the next; without it each time sets it up anew")


def pytest_configure(config: pytest.Config) -> None:
    """Name the tiers as marks, and let terminals speak English whoever runs the tests."""
    if "LC_ALL" in os.environ:
        os.environ["LC_CTYPE"] = os.environ.pop("LC_ALL")
    os.environ["LC_MESSAGES"] = "C"
    for tier, meaning in TIERS.items():
        config.addinivalue_line("markers", f"{tier}: {meaning}")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its tier, so that `-m` and `./gui.sh test TIER` find it."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        item.add_marker(tier_of(item.path.relative_to(app_dir()), marks))


@pytest.fixture(scope="session")
def memory_limit() -> Iterator[MemoryLimit]:
    """The one watch over this process's memory."""
    limit = MemoryLimit()
    if hasattr(signal, "SIGUSR2"):
        limit.start()
    yield limit
    limit.stop()


@pytest.fixture(autouse=True)
def limited(memory_limit: MemoryLimit, request: pytest.FixtureRequest) -> Iterator[None]:
    """Watch the test's memory."""
    memory_limit.running = request.node.nodeid
    yield
    memory_limit.running = ""


@pytest.fixture
def filled_memory() -> Iterator[None]:
    """Memory that torch hands out without filling it holds NaN, so that no test passes by what lay there before."""
    import torch  # noqa: PLC0415 - most tests do without
    from torch.utils import deterministic  # noqa: PLC0415

    before, deterministic.fill_uninitialized_memory = deterministic.fill_uninitialized_memory, True
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(False)
    deterministic.fill_uninitialized_memory = before
