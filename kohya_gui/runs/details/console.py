"""The console of a run, line by line: with the colours that programs gave it, and searched for words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MOST_BYTES = 8 * 2**20  # from its end
MOST_LINES = 2_000  # the last ones are shown
MOST_LETTERS = 4_000  # of a line
Kind = Literal["", "warning", "error"]

ERROR = re.compile(
    r"(?i:\b(error|exception|traceback|fatal|killed|out of memory)\b)|\w(Error|Exception)\b|错误|錯誤|エラー"
)
WARNING = re.compile(r"(?i:\bwarn(ing|ings)?\b)|\wWarning\b|警告")
TRACEBACK = "Traceback (most recent call last):"
ESCAPE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.?")
COLOURS = {
    30: "grey", 31: "red", 32: "green", 33: "yellow", 34: "blue", 35: "magenta", 36: "cyan", 37: "", 90: "grey",
    91: "red", 92: "green", 93: "yellow", 94: "blue", 95: "magenta", 96: "cyan", 97: "",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """Text in one colour, "" being that of the page; `found` if it was searched for."""

    text: str
    colour: str = ""
    found: bool = False


@dataclass(frozen=True)
class Line:
    """A line of the console, numbered from 1 within what was read."""

    number: int
    kind: Kind
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Console:
    """The lines to show, and how many lines fit in all."""

    lines: tuple[Line, ...]
    fitting: int


def console_of(path: Path, words: str = "") -> Console:
    """The last lines of the console at `path` that contain all of `words`, in any order and case."""
    wanted = words.casefold().split()
    fitting = [
        (number, text) for number, text in enumerate(_lines(path), 1)
        if not wanted or _holds(plain(text), wanted)
    ]  # fmt: skip
    kinds = dict(_kinds(fitting))
    shown = fitting[-MOST_LINES:]
    return Console(
        tuple(Line(number, kinds[number], tuple(_marked(_coloured(text), wanted))) for number, text in shown),
        len(fitting),
    )


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines without colours."""
    return [plain(text) for text in _lines(path)[-count:]]


def plain(text: str) -> str:
    """`text` without what gives it colours or moves the cursor."""
    return ESCAPE.sub("", text)


def _lines(path: Path) -> list[str]:
    """The lines as a terminal would show them; a bar that was redrawn is shown once."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            data = file.read()
    except OSError:
        return []
    lines = data.decode("utf-8", errors="replace").replace("\r\n", "\n").rstrip("\n").split("\n")
    lines = lines[1:] if size > MOST_BYTES else lines  # the first one was cut
    return [line.rstrip("\r").rpartition("\r")[2][:MOST_LETTERS] for line in lines] if data else []


def _holds(text: str, wanted: Sequence[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in wanted)


def _kinds(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Kind]]:
    """What each line tells of; a traceback is an error down to its last line, which names it."""
    within = False
    for number, text in lines:
        if text.startswith(TRACEBACK):
            within = True
            yield number, "error"
        elif within:
            within = text.startswith(" ") or not text
            yield number, "error"
        elif ERROR.search(text):
            yield number, "error"
        else:
            yield number, "warning" if WARNING.search(text) else ""


def _coloured(text: str) -> Iterator[Piece]:
    """`text` by its colours; whatever else its escapes would do is left out."""
    colour, end = "", 0
    for escape in ESCAPE.finditer(text):
        if escape.start() > end:
            yield Piece(text[end : escape.start()], colour)
        end = escape.end()
        if escape.group(2) == "m":
            colour = _colour_after(escape.group(1), colour)
    if end < len(text):
        yield Piece(text[end:], colour)


def _colour_after(codes: str, colour: str) -> str:
    for code in codes.split(";"):
        number = int(code) if code.isdecimal() and len(code) < 4 else 0
        if number in (0, 39):
            colour = ""
        colour = COLOURS.get(number, colour)
    return colour


def _marked(pieces: Iterator[Piece], wanted: Sequence[str]) -> Iterator[Piece]:
    """`pieces` cut where one of the words is."""
    if not wanted:
        yield from pieces
        return
    word = re.compile("|".join(map(re.escape, sorted(wanted, key=len, reverse=True))), re.IGNORECASE)
    for piece in pieces:
        end = 0
        for hit in word.finditer(piece.text):
            if hit.start() > end:
                yield Piece(piece.text[end : hit.start()], piece.colour)
            yield Piece(hit.group(), piece.colour, found=True)
            end = hit.end()
        if end < len(piece.text):
            yield Piece(piece.text[end:], piece.colour)
