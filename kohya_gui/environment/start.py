"""Continues in the environment's own Python, once that is ready."""
from __future__ import annotations

import os
import subprocess
import sys

from kohya_gui.environment import ensure as environment
from kohya_gui.environment import folder as environment_folder
from kohya_gui.environment.pip import clean_environ

INTERRUPTED = 130


def hand_over(wishes: environment.Wishes, typed: list[str]) -> int | None:
    """Make the environment ready and run gui.py in it with what was typed.

    Returns None where this process already runs in it (or CRUCIBLE_NO_SETUP says to take this Python as it is), so that
    the caller goes on; else the exit code of the other process. Does not return on POSIX, where that replaces this one.
    Raises SetupError.
    """
    if os.environ.get("CRUCIBLE_NO_SETUP"):
        return None
    try:
        ready = environment.ensure(wishes)
    except KeyboardInterrupt:
        print("\nStopped. Start again, and set-up resumes where it stopped.", file=sys.stderr)
        return INTERRUPTED
    if ready.is_running():
        return None
    command = [str(ready.python), str(environment_folder.APP / "gui.py"), *typed]
    if os.name != "nt":
        sys.stdout.flush()
        os.execve(command[0], command, clean_environ())
    return run_to_the_end(command)


def run_to_the_end(command: list[str]) -> int:
    """Run the command and return its exit code; Ctrl-C reaches the command as well, which decides how to end."""
    with subprocess.Popen(command, env=clean_environ()) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue
