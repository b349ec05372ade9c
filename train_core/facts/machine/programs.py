"""Programs of a driver that tell about cards."""

from __future__ import annotations

import shutil
import subprocess

SECONDS = 20  # a driver that answers later than that cannot train either


def answer_of(program: str, elsewhere: str, *arguments: str) -> str:
    """What `program`, from the search path or from the folder `elsewhere`, answers; "" if it is missing or fails."""
    tool = shutil.which(program) or shutil.which(program, path=elsewhere)
    if tool is None:
        return ""
    try:
        done = subprocess.run([tool, *arguments], capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
