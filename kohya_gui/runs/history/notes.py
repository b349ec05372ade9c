"""What people note about a run: words, tags, and marks on its pictures; one small file in the run's folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from kohya_gui.runs.exclusive import exclusive
from train_core.config.problems import UserError, problem
from train_core.config.untrusted import NotReadable, json_of, reason_of, text_of
from train_core.config.whole_files import write_text
from train_core.facts.run.run_folders import not_writable

FILE = "notes.json"
FILE_VERSION = 1
MOST_LETTERS, MOST_TAGS, MOST_IN_TAG = 20_000, 20, 40
Mark = Literal["good", "bad"]


@dataclass(frozen=True)
class Notes:
    """A person's words and tags for a run; `marks` are good or bad by the name of a picture's file."""

    note: str = ""
    tags: tuple[str, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=dict)


def read_notes(folder: Path) -> Notes:
    """What was noted about the run in `folder`; nothing if nothing was, or if the file cannot be used."""
    try:
        return _load(folder)
    except (OSError, UnicodeDecodeError, NotReadable):
        return Notes()


def change_notes(folder: Path, alter: Callable[[Notes], Notes]) -> Notes:
    """Replace what is noted about the run in `folder` with what `alter` makes of it, and return that.

    Raises `UserError` if the file cannot be read, so that nobody's words are lost, or cannot be written.
    """
    with exclusive("notes"):
        try:
            before = _load(folder)
        except (OSError, UnicodeDecodeError, NotReadable) as error:
            raise UserError(
                problem(
                    "notes_unreadable",
                    "The notes of this run in {file} cannot be read: {reason}. Correct the file, or delete it to start "
                    "with empty notes.",
                    file=str(folder / FILE), reason=reason_of(error),
                )
            ) from error
        after = alter(before)
        if after != before:
            try:
                write_text(folder / FILE, json.dumps({"version": FILE_VERSION, **asdict(after)}, indent=1) + "\n")
            except OSError as error:
                raise not_writable(folder, error) from error
        _shelf().forget(folder)
    return after


def write_note(folder: Path, note: str, tags: str) -> Notes:
    """Note these words and tags, which commas part, about the run in `folder`. Raises `UserError`."""
    return change_notes(folder, lambda old: replace(old, note=note.strip()[:MOST_LETTERS], tags=parse_tags(tags)))


def mark_picture(folder: Path, picture: str, mark: Mark | None) -> Notes:
    """Mark the run's `picture`, named as its file, as good or bad; None takes the mark back. Raises `UserError`."""

    def alter(old: Notes) -> Notes:
        others = {name: given for name, given in old.marks.items() if name != picture}
        return replace(old, marks=others if mark is None else {**others, picture: mark})

    return change_notes(folder, alter)


def parse_tags(text: str) -> tuple[str, ...]:
    """The tags in `text`, between commas of any script, each once."""
    parts = text.replace("，", ",").replace("、", ",").replace("\n", ",").split(",")
    tags = dict.fromkeys(" ".join(part.split())[:MOST_IN_TAG].rstrip() for part in parts)
    return tuple(tag for tag in tags if tag)[:MOST_TAGS]


def known_notes(folder: Path) -> Notes:
    """The same as `read_notes`, read only if the folder has changed since the last time."""
    return _shelf().notes(folder)


class _Shelf:
    """Notes by folder, each with the time at which the folder had changed when they were read."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[int, Notes]] = {}
        self._lock = threading.Lock()

    def notes(self, folder: Path) -> Notes:
        try:
            changed = folder.stat().st_mtime_ns
        except OSError:
            return Notes()
        with self._lock:
            stamp, known = self._known.get(folder, (-1, Notes()))
        if stamp != changed:
            known = read_notes(folder)
            with self._lock:
                self._known[folder] = (changed, known)
        return known

    def forget(self, folder: Path) -> None:
        with self._lock:
            self._known.pop(folder, None)


@lru_cache(maxsize=1)
def _shelf() -> _Shelf:
    return _Shelf()


def _load(folder: Path) -> Notes:
    try:
        fields: Any = json_of(text_of(folder / FILE))
    except FileNotFoundError:
        return Notes()
    if not isinstance(fields, dict):
        return Notes()
    note, tags, marks = (fields.get(name) for name in ("note", "tags", "marks"))
    return Notes(
        note if isinstance(note, str) else "",
        tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        {name: mark for name, mark in marks.items() if mark in ("good", "bad")} if isinstance(marks, dict) else {},
    )
