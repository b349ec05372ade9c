"""What models said of pictures, kept in the dataset as lines of a file, so that no picture is looked at twice."""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Generic, TypeVar

from train_core.config.untrusted import NotReadable, json_of
from train_core.studio.dataset import not_written

DIGEST = re.compile(rb'^\{"digest": ?"([0-9a-f]{1,128})"')  # as each line begins
Line = dict[str, Any]
Said = TypeVar("Said")


class Kept(ABC, Generic[Said]):
    """What one model said of a dataset's pictures, by the digest of their content.

    `key` are digests that are in each of its lines, by name: lines with others are of other models or settings. `about`
    is written beside them for people.
    """

    def __init__(self, file: Path, key: Mapping[str, str], about: Mapping[str, str]) -> None:
        """Read what is there. Raises UserError for a file that cannot be read."""
        self._file = file
        self._named = {**about, **key}
        self.known: dict[str, Said] = {}
        needed = [value.encode() for value in key.values()]
        for raw in _raw_lines(file):
            if all(one in raw for one in needed) and (line := _line(raw)) is not None:
                said = self.read(line)
                if said is not None and all(line.get(name) == value for name, value in key.items()):
                    self.known[line["digest"]] = said

    @abstractmethod
    def read(self, line: Line) -> Said | None:
        """What a line says; None for one that says nothing of this kind."""

    @abstractmethod
    def written(self, said: Said) -> Line:
        """What goes into the line besides picture, model and time."""

    def add(self, found: Mapping[str, Said]) -> None:
        """Keep what was said; it is on the drive when this returns. Raises UserError where that cannot be."""
        at = f"{datetime.now():%Y-%m-%dT%H:%M:%S}"
        lines = [
            json.dumps({"digest": digest, **self._named, "at": at, **self.written(said)})
            for digest, said in found.items()
        ]
        try:
            with self._file.open("a+b") as file:
                beginning = b"\n" if _is_cut_short(file) else b""
                file.write(beginning + "".join(f"{line}\n" for line in lines).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise not_written(self._file.parent, error) from error
        self.known.update(found)


class LinesOfPictures:
    """The lines of such a file by picture, whoever said them. The file may grow meanwhile; safe for several threads."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._places: dict[str, list[int]] = {}  # where lines begin
        self._end = 0
        self._lock = Lock()

    def of(self, digest: str) -> list[Line]:
        """All lines about a picture, the newest last. Raises UserError for a file that cannot be read."""
        try:
            with self._lock, self._file.open("rb") as file:
                self._look(file)
                found = []
                for place in self._places.get(digest, ()):
                    file.seek(place)
                    found.append(_line(file.readline()))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise not_written(self._file.parent, error) from error
        return [line for line in found if line is not None]

    def _look(self, file: BinaryIO) -> None:
        """Note where the lines are that are new."""
        if file.seek(0, os.SEEK_END) < self._end:  # another file
            self._places, self._end = {}, 0
        file.seek(self._end)
        for raw in file:
            if not raw.endswith(b"\n"):
                break
            if (found := DIGEST.match(raw)) is not None:
                self._places.setdefault(found[1].decode(), []).append(self._end)
            self._end += len(raw)


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        return
    except OSError as error:
        raise not_written(path.parent, error) from error


def _line(raw: bytes) -> Line | None:
    """What a line holds, None for one that was cut short or is none."""
    try:
        said = json_of(raw)
    except (NotReadable, UnicodeDecodeError):
        return None
    return said if isinstance(said, dict) and isinstance(said.get("digest"), str) else None


def _is_cut_short(file: Any) -> bool:
    """Whether the last line has no end, as a killed process leaves it."""
    length = file.seek(0, os.SEEK_END)
    if not length:
        return False
    file.seek(length - 1)
    return bool(file.read(1) != b"\n")
