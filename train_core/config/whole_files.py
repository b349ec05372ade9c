"""Files and folders that are written completely or not at all: under another name first, then renamed."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST_NAME = 255  # bytes, on most file systems
UNIQUE, ENDING = 12, ".tmp"  # letters that no two temporary names share, and what follows them
TRIES, SECONDS_BETWEEN_TRIES = 40, 0.05


@contextmanager
def write_whole(path: Path, durable: bool = False, clear: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """A name beside `path` to write a file or a folder under, which takes `path`'s place when the block ends well.

    Until then a reader sees what stood there before; where the block or the renaming fails, nothing is left behind.
    `durable` waits, before and after renaming, until the contents outlast a loss of power. `clear` removes a folder
    that stands in the way of a folder, else all of it goes. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(_temporary_name(path.name))
    try:
        yield temporary
        if durable:
            for written in (*temporary.rglob("*"), temporary):
                _to_the_drive(written)
        if temporary.is_dir() and path.is_dir():  # a folder cannot be replaced by renaming
            (clear or remove)(path)
        _rename(temporary, path)
        if durable:
            _to_the_drive(path.parent)
    except BaseException:
        with suppress(OSError):  # the drive may be gone or read-only; the first error says more
            remove(temporary)
        raise


def _temporary_name(name: str) -> str:
    """A unique hidden name, no longer than file systems allow."""
    return f"{_beginning(name)}{uuid.uuid4().hex[:UNIQUE]}{ENDING}"


def _beginning(name: str) -> str:
    """The part that all temporary names for `name` have in common."""
    room = LONGEST_NAME - UNIQUE - len(ENDING) - 2
    return f".{os.fsencode(name)[:room].decode(errors='ignore')}."


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what killed processes left half-written under temporary names for `paths`, which nobody else writes now.

    What cannot be removed stays.
    """
    beginnings: dict[Path, set[str]] = {}
    for path in paths:
        beginnings.setdefault(path.parent, set()).add(_beginning(path.name))
    for folder, wanted in beginnings.items():
        with suppress(OSError):
            for found in list(folder.glob(f".*{ENDING}")):
                if found.name[: -UNIQUE - len(ENDING)] in wanted:
                    remove(found)


def remove_leftovers_like(folder: Path, name: re.Pattern[str]) -> None:
    """Remove what killed processes left half-written in `folder` for files of a `name`, as `remove_leftovers` does."""
    with suppress(OSError):
        for found in list(folder.glob(f".*{ENDING}")):
            if name.fullmatch(found.name[1 : -UNIQUE - len(ENDING) - 1]):
                remove(found)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that a reader sees the old file or the whole new one."""
    with write_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def remove(path: Path) -> None:
    """Remove a file, or a folder with its contents; a missing one is no error."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _rename(path: Path, to: Path) -> None:
    """Give `path` the name `to`, in place of a file that has it.

    Windows replaces no file that someone reads, and moves none that someone has open, as page, virus scanners and
    search indexes do for a moment; that is waited for.
    """
    for _ in range(TRIES if os.name == "nt" else 0):
        try:
            path.replace(to)
            return
        except PermissionError:
            time.sleep(SECONDS_BETWEEN_TRIES)
    path.replace(to)


def _to_the_drive(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the drive. Windows has that for files only."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
