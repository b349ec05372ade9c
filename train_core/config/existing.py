"""Whether files and folders exist, where their names come from outside.

Other than pathlib's, these never raise: they say no for names that cannot be, such as those of more than 255 letters,
and for what this account may not look at.
"""

from __future__ import annotations

import stat
from pathlib import Path


def exists(path: Path) -> bool:
    """Whether there is anything."""
    return _mode(path) != 0


def is_file(path: Path) -> bool:
    """Whether there is a file."""
    return stat.S_ISREG(_mode(path))


def is_dir(path: Path) -> bool:
    """Whether there is a folder."""
    return stat.S_ISDIR(_mode(path))


def is_out_of_reach(path: Path) -> bool:
    """Whether the permissions of the folders above it do not let this account look at it."""
    try:
        path.stat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _mode(path: Path) -> int:
    """The kind of file that is there, 0 if none can be seen. ValueError: a name with a NUL."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0
