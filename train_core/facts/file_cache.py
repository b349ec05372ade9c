"""A cache of facts about files, each valid until the file's size or time changes."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock

from train_core.config import places

logger = logging.getLogger(__name__)

Stamp = tuple[str, int, int]
_THREADS = 8
_TRIED, _QUICK = 16, 0.0005  # facts found out one after the other first, and seconds each within which it is quick
_ONE_AT_A_TIME: dict[str, Lock] = {}  # by kind of fact
_TABLE = """CREATE TABLE IF NOT EXISTS known (
    path TEXT, kind TEXT, size INTEGER, mtime_ns INTEGER, value TEXT, PRIMARY KEY (path, kind))"""


def shared_database() -> Path:
    """The file of facts among the caches, which all programs of this user share."""
    return places.caches_dir() / "files.sqlite"


def recall(
    paths: Sequence[Path], kind: str, find_out: Callable[[Path], str | None], database: Path, threads: int = _THREADS
) -> dict[Path, str]:
    """The `kind` of fact for each of `paths`; `find_out` is called only for files that are new or have changed.

    `find_out` may run in up to `threads` threads, 8 since they mostly wait for the drive; None means that it could not
    say, and such a file is not in the answer. It is also called for files that no longer exist, so that it can report
    that.
    `database` is an SQLite file shared by all processes; when it cannot be used, everything is found out afresh.
    """
    stamps = {path: _stamp(path) for path in paths}
    with _ONE_AT_A_TIME.setdefault(kind, Lock()):  # who asks second finds the answers of the first
        known = _read(database, kind, {path: stamp for path, stamp in stamps.items() if stamp is not None})
        missing = [path for path in stamps if path not in known]
        if not missing:
            return known
        answers = zip(missing, _answers(find_out, missing, threads), strict=True)
        found = {path: value for path, value in answers if value is not None}
        _write(database, kind, {stamp: value for path, value in found.items() if (stamp := stamps[path]) is not None})
    return known | found


def revise(
    paths: Sequence[Path], kind: str, say_more: Callable[[Path, str | None], str | None], database: Path
) -> dict[Path, str]:
    """The `kind` of fact for each of `paths`, after `say_more` was asked what there is to say beyond what is known.

    It gets a file and what is known of it, None if nothing is; what it returns is kept instead, unless that is None.
    Files are asked for one after the other. `database` is as in `recall`.
    """
    stamps = {path: _stamp(path) for path in paths}
    with _ONE_AT_A_TIME.setdefault(kind, Lock()):
        known = _read(database, kind, {path: stamp for path, stamp in stamps.items() if stamp is not None})
        asked = {path: say_more(path, known.get(path)) for path in stamps}
        more = {path: value for path, value in asked.items() if value is not None}
        stamped = {stamp: value for path, value in more.items() if (stamp := stamps[path]) is not None}
        if stamped:
            _write(database, kind, stamped)
    return known | more


def _answers(find_out: Callable[[Path], str | None], paths: Sequence[Path], most: int) -> list[str | None]:
    """The facts of `paths`, in several threads unless it goes so quickly that these would be in each other's way."""
    began = time.perf_counter()
    first = [find_out(path) for path in paths[:_TRIED]]
    if time.perf_counter() - began < _QUICK * len(first):
        return [*first, *map(find_out, paths[_TRIED:])]
    with ThreadPoolExecutor(most) as threads:
        return [*first, *threads.map(find_out, paths[_TRIED:])]


def known_of(path: Path, kind: str, database: Path) -> str | None:
    """The `kind` of fact for `path`, if it was found out while the file was as it is now; None else."""
    stamp = _stamp(path)
    return _read(database, kind, {path: stamp}).get(path) if stamp is not None else None


def _stamp(path: Path) -> Stamp | None:
    """The version of a file that facts are valid for; None if the file does not exist or cannot be reached."""
    try:
        status = path.stat()
    except OSError:
        return None
    # The time of any change to the file, which nobody can set; Windows has that of writing only.
    changed = status.st_mtime_ns if os.name == "nt" else status.st_ctime_ns
    return str(path.absolute()), status.st_size, changed


@contextmanager
def _connected(database: Path) -> Iterator[sqlite3.Connection]:
    """The database, closed afterwards even if it is damaged: Windows removes no file that is open."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        connection.execute(_TABLE)
        yield connection


def _read(database: Path, kind: str, stamps: dict[Path, Stamp]) -> dict[Path, str]:
    query = "SELECT value FROM known WHERE path = ? AND size = ? AND mtime_ns = ? AND kind = ?"
    known = {}
    try:
        with _connected(database) as connection:
            for path, stamp in stamps.items():
                row = connection.execute(query, (*stamp, kind)).fetchone()
                if row is not None:
                    known[path] = row[0]
    except (sqlite3.Error, OSError) as error:
        logger.warning("%s cannot be read (%s); image files are read afresh.", database, error)
        if type(error) is sqlite3.DatabaseError:  # damaged, not merely locked or out of reach
            with suppress(PermissionError):  # another process has it open, on Windows
                database.unlink(missing_ok=True)
        return {}
    return known


def _write(database: Path, kind: str, found: dict[Stamp, str]) -> None:
    rows = [(path, kind, size, mtime_ns, value) for (path, size, mtime_ns), value in found.items()]
    try:
        with _connected(database) as connection, connection:
            connection.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?)", rows)
    except (sqlite3.Error, OSError) as error:
        logger.warning("%s cannot be written (%s); image files are read again next time.", database, error)
