"""An identifier of a process that does not change when the clock is set."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

START_TIME = 19  # index among the fields after the name in /proc/PID/stat, see proc_pid_stat(5)


def birth_of(pid: int) -> str | None:
    """Text that identifies the process `pid` among all that ever have this number; None if there is no such process.

    On Linux: the id of this boot and the clock ticks from boot to the start of the process. Elsewhere: the start time
    that the system noted, which it does not correct later. psutil's `create_time` on Linux and macOS is not constant:
    it is calculated from the time of boot, which changes when the clock is set.
    """
    if sys.platform == "linux":
        return _on_linux(pid)
    try:
        process = psutil.Process(pid)
        # On macOS the public time is corrected by how far the time of boot has moved.
        noted = process.create_time() if sys.platform == "win32" else process._proc.create_time(monotonic=True)
    except (psutil.Error, ValueError, OverflowError):  # the last two for a number that no process can have
        return None
    return repr(noted)


def _on_linux(pid: int) -> str | None:
    try:
        behind_the_name = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        ticks = behind_the_name[START_TIME].decode()
    except (OSError, IndexError):
        return None
    try:
        start_of_system = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # some containers hide it
        start_of_system = ""
    return f"{start_of_system}/{ticks}"
