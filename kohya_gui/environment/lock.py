"""Lets one process at a time work on the environment; the others wait. Parses on Python 3.7."""
from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def take(handle: int) -> bool:
        """Take the lock if it is free; the system gives it back when the process ends, however it ends."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def take(handle: int) -> bool:
        """Take the lock if it is free; the system gives it back when the process ends, however it ends."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` during a with block, after waiting until it is free."""
    with path.open("a") as file:
        if not take(file.fileno()):
            print("Another window is setting Crucible up; waiting for it to finish.", file=sys.stderr, flush=True)
            while not take(file.fileno()):
                time.sleep(0.5)
        yield
