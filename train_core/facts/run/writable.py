"""Check whether a file can be written, by asking the file system before long work begins."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from train_core.config.file_names import refused_here
from train_core.config.phrases import phrase
from train_core.config.problems import Problem, cause_of, problem

NAME_REFUSED = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})


class UnusableNameError(Exception):
    """Error for a name that the file system refuses, with the reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unwritable(path: Path) -> Problem | None:
    """The problem if no file can be created at `path`. Its folders may not exist yet."""
    try:
        reason = why_not(path)
    except UnusableNameError as error:
        return problem(
            "file_name_refused",
            "{file}: no file can have this name there ({reason}). Choose another name.",
            file=str(path), reason=error.reason,
        )
    return None if reason is None else not_written(path, reason)


def not_written(path: Path, reason: str) -> Problem:
    """The problem if `path` cannot be written."""
    return problem(
        "file_not_written",
        "{file} could not be written ({reason}). Free some space on the drive, or choose another folder.",
        file=str(path), reason=reason,
    )


def why_not(path: Path) -> str | None:
    """The reason why no file can be created at `path`, or None. Its folders may not exist yet.

    Raises UnusableNameError if only the file's name is the reason.
    """
    forbidden = refused_here(str(path))
    if forbidden is not None:
        if refused_here(str(path.parent)) is None:
            raise UnusableNameError(forbidden)
        return forbidden
    try:
        folder = next((folder for folder in path.parents if folder.exists()), None)
    except (OSError, ValueError) as error:  # ValueError for characters that no path can contain
        return cause_of(error)
    if folder is None:
        return phrase("no_such_drive", "there is no such drive")
    if not folder.is_dir():
        return phrase("path_is_a_file", "{path} is a file", path=str(folder))
    for name in path.relative_to(folder).parts:
        try:
            _try_name(folder, name)
        except (OSError, ValueError) as error:
            of_name = isinstance(error, ValueError) or error.errno in NAME_REFUSED
            if of_name and name == path.name:
                raise UnusableNameError(cause_of(error)) from error
            return cause_of(error)
    return None


def _try_name(folder: Path, name: str) -> None:
    """Create and delete an empty hidden file in `folder` with a name as long as `name` and of the same letters."""
    probe = folder / (f".{name[:-1]}" if name.strip(".")[1:] else ".probe")
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:  # so the name is possible; the file is not ours
        return
    probe.unlink()
