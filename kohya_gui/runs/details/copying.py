"""Copies that replace nothing: under the name that is wanted, or under the next number that is free."""

from __future__ import annotations

import filecmp
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from train_core.config.problems import UserError, cause_of
from train_core.facts.run.result_names import not_writable


def copied(source: Path, wanted: Path) -> Path:
    """Copy `source` to `wanted` or to its next free number, and return which. Raises `UserError` where it cannot be."""
    temporary = wanted.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        shutil.copyfile(source, temporary)
        return next(path for path in _candidates(wanted) if _named(temporary, path))
    except OSError as error:
        raise UserError(not_writable(wanted.parent, cause_of(error))) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def same_there(source: Path, wanted: Path) -> Path | None:
    """A file of the content of `source` that is at `wanted` or at one of its numbers already; None without one."""
    for path in _candidates(wanted):
        if not os.path.lexists(path):
            return None
        with suppress(OSError):  # what cannot be read is another file
            if filecmp.cmp(source, path, shallow=False):
                return path
    return None


def _candidates(wanted: Path) -> Iterator[Path]:
    return (wanted if number == 1 else wanted.with_stem(f"{wanted.stem}-{number}") for number in count(1))


def _named(temporary: Path, path: Path) -> bool:
    """Give `temporary` the name `path`, unless something has it."""
    if os.path.lexists(path):
        return False
    try:
        os.link(temporary, path)  # replaces nothing, on any system
    except FileExistsError:
        return False
    except OSError:  # a drive without links
        temporary.rename(path)
    return True
