"""Locks keep other processes out, end with their holder, and leave no trace where they are to leave none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from train_core.config.locks import is_locked, take_lock
from train_core.config.places import app_dir

pytestmark = pytest.mark.jobs
HOLDER = """
import sys
from pathlib import Path
from train_core.config.locks import take_lock
lock = take_lock(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that tries to take the lock, and keeps it until it is killed."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    return subprocess.Popen(command, cwd=app_dir(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_many_processes_one_has_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "家 lock"
    holders = [holder(path) for _ in range(4)]
    answers = [answer(process) for process in holders]
    assert sorted(answers) == ["held", "refused", "refused", "refused"]
    assert is_locked(path)
    assert take_lock(path) is None
    holders[answers.index("held")].kill()
    holders[answers.index("held")].wait()
    assert not is_locked(path)
    for process in holders:
        process.kill()


def test_a_lock_that_is_released_with_its_file_leaves_nothing_and_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        lock = take_lock(tmp_path / "lock")
        assert lock is not None
        lock.release(remove=True)
        assert list(tmp_path.iterdir()) == []
    assert not is_locked(tmp_path / "lock")
    assert not is_locked(tmp_path / "no folder" / "lock")
