"""What people think of the pictures of a grid: good, bad, or nothing, a line for each decision."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal, get_args

MARKS_FILE = "marks.jsonl"
Mark = Literal["good", "bad", "none"]
MARKS: tuple[str, ...] = get_args(Mark)


def read_marks(folder: Path) -> dict[str, str]:
    """The mark of each picture that has one, by the picture's name. Lines that were cut short do not count."""
    marks: dict[str, str] = {}
    try:
        lines = (folder / MARKS_FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return marks
    for line in lines:
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):  # the rest of a line that was cut short
            continue
        if not isinstance(said, dict):
            continue
        name, mark = said.get("picture"), said.get("mark")
        if isinstance(name, str) and mark in MARKS:
            marks[name] = mark
    return {name: mark for name, mark in marks.items() if mark != "none"}


def add_mark(folder: Path, name: str, mark: Mark) -> None:
    """Write the mark of a picture, which is on the drive when this returns. Raises OSError."""
    with (folder / MARKS_FILE).open("ab") as file:
        # An empty line is no harm, and what follows a line that was cut short must not become part of it.
        file.write(b"\n" + json.dumps({"picture": name, "mark": mark}).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
