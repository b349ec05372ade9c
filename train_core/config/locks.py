"""Locks on files, which the system releases when the process that holds them ends, however it ends."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    BEYOND_ALL_CONTENT = 2**30  # no other process can read the locked byte

    def _lock(handle: int) -> None:
        os.lseek(handle, BEYOND_ALL_CONTENT, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        # Unlike flock's, this lock is not inherited by processes that this one starts, so it ends with this one.
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})  # the errors that mean that another process has the lock


@dataclass(frozen=True)
class FileLock:
    """A lock that this process holds until it releases it or ends.

    On POSIX systems it is also lost when this process opens and closes the file again.
    """

    path: Path
    handle: int

    def release(self, remove: bool = False) -> None:
        """Release the lock; with `remove`, delete its file as well."""
        try:
            if remove and sys.platform != "win32":  # while held, so that nobody locks a file about to go
                self.path.unlink(missing_ok=True)
        finally:
            os.close(self.handle)
        if remove and sys.platform == "win32":  # where open files cannot be deleted
            with suppress(OSError):  # another process has taken it already
                self.path.unlink()


def take_lock(path: Path) -> FileLock | None:
    """Lock the file `path`, creating it if necessary. Returns None while another process holds the lock.

    On file systems without locks it always succeeds. Raises OSError if the file cannot be opened.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(handle)
        except OSError as error:
            if error.errno in HELD:
                os.close(handle)
                return None
        if _is_at(path, handle):
            return FileLock(path, handle)
        os.close(handle)  # the previous holder has deleted the file in the meantime


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock of the file `path`. False if the file cannot be opened."""
    try:
        lock = take_lock(path) if path.exists() else None
    except OSError:
        return False
    if lock is not None:
        lock.release()
    return lock is None and path.exists()


def _is_at(path: Path, handle: int) -> bool:
    """Whether `path` is still the open file."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
