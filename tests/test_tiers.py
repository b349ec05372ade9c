"""Tiers and limits of the tests themselves."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path, PurePath

import pytest

from kohya_gui import developer
from tests.tiers import PLACES, TIERS, tier_of
from train_core.config.places import app_dir

ALLOCATE = "import time\nheld = bytearray(400 * 2**20)\ntime.sleep(600)\n"


def run_pytest(folder: Path, test: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `test` as the only test of a copy of this folder's set-up."""
    (folder / "test_it.py").write_text(textwrap.dedent(test), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(app_dir())}
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(folder), *arguments]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_terminal_knows_every_tier() -> None:
    assert tuple(TIERS) == developer.TIERS


def test_a_place_with_a_tier_of_its_own_is_there() -> None:
    assert not [place for place in PLACES if not (app_dir() / place).exists()]


@pytest.mark.parametrize(
    ("path", "marks", "tier"),
    [
        ("tests/gui/test_x.py", set(), "browser"),
        ("tests/train_core/jobs/test_x.py", {"parametrize"}, "jobs"),
        ("tests/train_core/jobs/test_x.py", {"slow"}, "slow"),
        ("tests/train_core/config/test_x.py", set(), "fast"),
        ("tests/train_core/models/test_fitting.py", set(), "jobs"),
        ("tests/test_x.py", set(), "fast"),
    ],
)
def test_a_test_belongs_to_its_marks_tier_or_its_folders(path: str, marks: set[str], tier: str) -> None:
    assert tier_of(PurePath(path), marks) == tier


LIMITED = """
    import pytest
    from tests.limits import MemoryLimit

    @pytest.fixture(autouse=True)
    def limited(request):
        limit = MemoryLimit(300 * 2**20)
        limit.running = request.node.nodeid
        limit.start()
        yield
        limit.stop()
"""


@pytest.mark.skipif(os.name == "nt", reason="the limit interrupts by a signal that Windows lacks")
def test_a_test_that_takes_too_much_memory_fails_by_name(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, f"{LIMITED}\n    def test_runaway():\n        exec({ALLOCATE!r})\n")
    assert done.returncode == 1
    assert "test_runaway and its processes took more than" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="the limit interrupts by a signal that Windows lacks")
def test_processes_of_such_a_test_are_ended_with_it(tmp_path: Path) -> None:
    test = f"""
    import subprocess, sys
    def test_runaway():
        child = subprocess.Popen([sys.executable, "-c", {ALLOCATE!r}])
        try:
            child.wait()
        finally:
            print("the child ended with", child.wait(30))
    """
    done = run_pytest(tmp_path, LIMITED + test)
    assert done.returncode == 1
    assert "the child ended with -9" in done.stdout


FORKS = """
import multiprocessing, os, time
import psutil
from tests.limits import taken
held = bytearray(os.urandom(2**20) * 200)
context = multiprocessing.get_context("fork")
children = [context.Process(target=time.sleep, args=(600,), daemon=True) for _ in range(3)]
for child in children:
    child.start()
processes = [psutil.Process(), *(psutil.Process(child.pid) for child in children)]
print(taken(processes) // 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which pages processes share")
def test_memory_that_forked_processes_share_counts_once() -> None:
    environment = {**os.environ, "PYTHONPATH": str(app_dir())}
    done = subprocess.run([sys.executable, "-c", FORKS], env=environment, capture_output=True, text=True, check=False)
    assert 200 < int(done.stdout) < 400, done.stderr
