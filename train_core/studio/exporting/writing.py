"""A folder of files with a list of them, by which doing it again writes only what differs, and spares what is others'.

What was written before and nobody has changed is replaced only if it differs, and removed when it is no longer wanted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from train_core.config.existing import exists, is_file
from train_core.config.file_names import refused_name
from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.config.untrusted import text_of
from train_core.config.whole_files import write_text, write_whole

VERSION = 1
MOST_BYTES = 256 << 20  # of a list
LONGEST_NAME = 100
LEFT = "left"
Row = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A file to write: its place below the folder, its bytes, and what they are made from.

    `use` says what a picture is for; "" for captions and masks. `asked` is a digest of what was asked for.
    """

    place: str
    content: bytes
    source: Path
    digest: str
    operations: tuple[str, ...] = ()
    use: str = ""
    asked: str = ""


class Written:
    """The files of a folder. `before` are the rows of those that are known from earlier, by their places.

    `rows` are those that were written or found again now; `counts` says how many were "written", "unchanged", "left"
    and "removed"; `left` has a problem for each that is somebody else's.
    """

    def __init__(self, folder: Path, before: Mapping[str, Row]) -> None:
        self.folder = folder
        self.before = before
        self.rows: dict[str, Row] = {}
        self.counts: Counter[str] = Counter()
        self.left: list[Problem] = []
        self._not_ours: set[str] = set()

    def put(self, file: File) -> None:
        """Write a file unless it is there already; one that somebody else has put there or changed is left."""
        state = self._put(file)
        self.counts[state] += 1
        if state != LEFT:
            self.rows[file.place] = {
                "source": str(file.source), "digest": file.digest, "operations": list(file.operations),
                "written": digest_of(file.content), **({"asked": file.asked} if file.asked else {}),
            }  # fmt: skip

    def _put(self, file: File) -> str:
        path = self.folder / file.place
        if exists(path):
            now = path.read_bytes() if is_file(path) else b""
            if now == file.content:
                return "unchanged"
            if self.before.get(file.place, {}).get("written") != digest_of(now):
                self.leave(file.place)
                return LEFT
        with write_whole(path) as temporary:
            temporary.write_bytes(file.content)
        return "written"

    def find_again(self, places: Iterable[str]) -> None:
        """Take over files of earlier that are known to be as they are wanted."""
        for place in places:
            self.rows[place] = self.before[place]
            self.counts["unchanged"] += 1

    def take_over(self, place: str, row: Row) -> None:
        """Know a file that something else has just written as one's own, if it is there."""
        if is_file(path := self.folder / place):
            self.rows[place] = {**row, "written": digest_of_file(path)}

    def is_there(self, place: str) -> bool:
        """Whether a file is there as it was written before."""
        path = self.folder / place
        return is_file(path) and self.before.get(place, {}).get("written") == digest_of_file(path)

    def leave(self, place: str) -> None:
        """Tell that a file is somebody else's, and leave it as it is."""
        self.left.append(
            problem(
                "export_foreign", "{file} was put there or changed by somebody, so it stays as it is.",
                file=str(self.folder / place),
            )
        )
        self._not_ours.add(place)

    def remove_others(self, spared: str = "") -> None:
        """Remove what was written before and is not wanted now, unless somebody has changed it, or it is `spared`."""
        for place in self.before:
            path = self.folder / place
            if place in self.rows or place in self._not_ours or place == spared or not is_file(path):
                continue
            if not self.is_there(place):
                self.leave(place)
                continue
            path.unlink()
            self.counts["removed"] += 1
            for parent in path.parents:
                if parent == self.folder or not is_empty(parent):
                    break
                parent.rmdir()

    def so_far(self) -> dict[str, Row]:
        """The rows of all files that are there, of earlier and of now: the list to keep while not all is done."""
        earlier = {place: row for place, row in self.before.items() if is_file(self.folder / place)}
        return {**earlier, **self.rows}

    def note(self, name: str, said: Mapping[str, Any], rows: Mapping[str, Row]) -> None:
        """Write `rows` as the list of files, which is called `name`; `said` stands before them."""
        content = {"version": VERSION, **said, "files": rows}
        write_text(self.folder / name, json.dumps(content, indent=1) + "\n")


def read_list(path: Path) -> dict[str, Row]:
    """The rows of a list of files by their places; what lies outside the folder does not count."""
    if not is_file(path):
        return {}
    try:
        said = json.loads(text_of(path, most=MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    files = said.get("files") if isinstance(said, dict) else None
    return {
        place: row for place, row in (files.items() if isinstance(files, dict) else ())
        if isinstance(row, dict) and _lies_within(place)
    }  # fmt: skip


def _lies_within(place: str) -> bool:
    parts = PurePosixPath(place).parts
    return bool(parts) and ".." not in parts and not PurePosixPath(place).is_absolute() \
        and not PureWindowsPath(place).drive and "\\" not in place and "\0" not in place  # fmt: skip


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Raise UserError where nothing can be written into `folder`."""
    try:
        yield
    except OSError as error:
        raise UserError(
            problem(
                "export_not_written", "Nothing can be written to {folder} ({reason}). Free some space, or choose "
                "another folder.", folder=str(folder), reason=cause_of(error),
            )
        ) from error  # fmt: skip


def digest_of(content: bytes) -> str:
    """The digest by which a file is known again."""
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def digest_of_file(path: Path) -> str:
    """As `digest_of`, of a file, which may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).hexdigest()


def is_empty(folder: Path) -> bool:
    """Whether a folder is there with nothing in it."""
    try:
        return next(folder.iterdir(), None) is None
    except OSError:
        return False


def free_name(stem: str, taken: set[str]) -> str:
    """`stem` as a name that every system has, with a number if another file has it; adds it to those `taken`."""
    plain = "".join("_" if refused_name(letter) or not letter.isprintable() else letter for letter in stem)
    plain = plain.strip(" .")[:LONGEST_NAME] or "picture"
    plain = f"_{plain}" if refused_name(plain) or plain.startswith(".") else plain
    name, number = plain, 1
    while name.casefold() in taken:
        number += 1
        name = f"{plain}_{number}"
    taken.add(name.casefold())
    return name


def not_readable(path: Path, error: Exception) -> Problem:
    """The problem that a picture cannot be decoded."""
    return problem(
        "export_unreadable", "{file} cannot be read ({reason}) and is left out.", file=str(path), reason=cause_of(error)
    )
