"""A long run that is killed again and again, over its whole length."""

from __future__ import annotations

import subprocess
import sys

import pytest

from train_core.config.places import app_dir


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_killed_again_and_again_ends_as_one_that_never_was(seed: int) -> None:
    words = ["--steps", "60", "--every", "10", "--from", "0", "--to", "6", "--seed", str(seed)]
    done = subprocess.run(
        [sys.executable, str(app_dir() / "bench" / "endurance.py"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 kills" not in done.stdout
