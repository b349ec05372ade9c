"""Captions beside pictures, edited so that all else in their files stays as it was: mark, line ends, last line."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_core.config.existing import is_file
from train_core.config.problems import Problem, UserError, problem
from train_core.config.whole_files import write_whole
from train_core.facts.images.caption_files import not_utf8, unreadable
from train_core.facts.images.encodings import Reading, reading

ENDINGS = (".txt", ".caption")
MARK = "\ufeff"  # at the beginning of a file that was saved as "UTF-8 with BOM"
COMMA = re.compile("[,，、]")
LAST_COMMAS = re.compile(r"[ \t]*[,，、][ \t,，、]*\Z")
FOREIGN = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8
STOPS, WIDE_STOPS, QUOTES = ".!?…", "。！？", "\"'”’)」』"
FEWEST_WORDS, FEWEST_LETTERS = 4, 5  # of a sentence; letters where a script has no blanks
LINE_END = re.compile(r"\r\n|\n|\r")

Edit = Callable[[Sequence[str]], list[str]]  # of the tags of a line


def caption_file(picture: Path) -> Path:
    """The picture's caption file: the one that is there, or the one to make."""
    found = [picture.with_suffix(ending) for ending in ENDINGS]
    return next((path for path in found if is_file(path)), found[0])


@dataclass(frozen=True)
class CaptionText:
    """The whole text of a caption file, None without one, and what stands in the way of reading it.

    Bytes that are no UTF-8 stand in the text as halves of characters, so that the file can be written again as it was.
    """

    whole: str | None
    problem: Problem | None = None

    @property
    def shown(self) -> str:
        """The text as a person edits it: lines without the mark, and without the end of the last one."""
        return "" if self.problem is not None else shown(self.whole or "")


def read(path: Path) -> CaptionText:
    """The text of a caption file. What cannot be read is told, not raised."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return CaptionText(None)
    except OSError as error:
        return CaptionText(None, unreadable(path, error))
    text = data.decode("utf-8", "surrogateescape")
    return CaptionText(text, not_utf8(path, data) if "\0" in text or FOREIGN.search(text) else None)


def shown(whole: str) -> str:
    """The lines of a file's text as a person edits them."""
    lines = LINE_END.split(whole.removeprefix(MARK))
    return "\n".join(lines[:-1] if len(lines) > 1 and not lines[-1] else lines)


def rewritten(whole: str | None, text: str) -> str:
    """The file's text with the lines of `text`, which keep the ends that the file's lines have.

    Lines that are in both keep their own ends; what is added gets the file's first one.
    """
    if whole is None:
        return text
    if shown(whole) == text:
        return whole
    mark = MARK if whole.startswith(MARK) else ""
    body = whole.removeprefix(MARK)
    ends = LINE_END.findall(body)
    usual = ends[0] if ends else "\n"
    last_ended = bool(ends) and bool(re.search(r"[\r\n]\Z", body))
    lines = text.split("\n")
    between = (ends[: len(lines) - 1] + [usual] * len(lines))[: len(lines) - 1]
    written = "".join(line + end for line, end in zip(lines, [*between, ""], strict=True))
    return mark + written + (ends[-1] if last_ended else "")


def tags_of(line: str) -> list[str]:
    """The tags of a line, in its order."""
    return [tag for part in COMMA.split(line) if (tag := part.strip())]


def is_sentence(line: str) -> bool:
    """Whether a line is a sentence and no list of tags: several words that end in a full stop or the like."""
    said = line.strip().rstrip(QUOTES)
    if said.endswith(tuple(STOPS)):
        return len(said.split()) >= FEWEST_WORDS
    return said.endswith(tuple(WIDE_STOPS)) and len(said) >= FEWEST_LETTERS


def with_tags(lines: Sequence[str]) -> list[bool]:
    """Which lines of a caption hold tags: the first one, and those behind it that are not blank and no sentences."""
    return [not place or (bool(line.strip()) and not is_sentence(line)) for place, line in enumerate(lines)]


def all_tags(text: str) -> list[str]:
    """The tags of all lines of a text that hold tags, in their order."""
    lines = text.split("\n")
    return [tag for line, holds in zip(lines, with_tags(lines), strict=True) if holds for tag in tags_of(line)]


def parts(text: str) -> tuple[str, str]:
    """A caption's first line, which holds its tags, and the sentences in the lines behind it as one line."""
    first, *others = text.split("\n")
    return first.strip(), " ".join(line.strip() for line in others if line.strip())


def edited(text: str, edit: Edit) -> str:
    """`text`, as a person edits it, with the tags of each of its lines changed by `edit`.

    A line whose tags stay the same stays as it is written, and so do sentences behind the first line, and a blank line
    unless there is nothing else to edit.
    """
    lines = text.split("\n")
    holds = [tags and bool(line.strip()) for line, tags in zip(lines, with_tags(lines), strict=True)]
    if not any(holds):
        holds[0] = True
    return "\n".join(
        _edited_line(line, edit) if edits else line for line, edits in zip(lines, holds, strict=True)
    )


def _edited_line(line: str, edit: Edit) -> str:
    before = tags_of(line)
    after = edit(before)
    if after == before:
        return line
    if after[: len(before)] == before and line.strip():  # what was only added to stays as it was written
        return ", ".join([line.rstrip().rstrip(",，、").rstrip(), *after[len(before) :]])
    return ", ".join(after)


def write(path: Path, whole: str | None) -> None:
    """Write a caption file as a whole; None removes it. Raises OSError."""
    if whole is None:
        path.unlink(missing_ok=True)
        return
    if not path.parent.is_dir():  # which writing would make: perhaps where a drive that is gone was mounted
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    with write_whole(path) as temporary:
        temporary.write_bytes(whole.encode("utf-8", "surrogateescape"))


def foreign(text: CaptionText) -> Reading | None:
    """What a file that is not UTF-8 seems to say, None for other files."""
    if text.problem is None or text.whole is None:
        return None
    return reading(text.whole.encode("utf-8", "surrogateescape"))


def in_utf8(text: CaptionText) -> str | None:
    """The text of a file in another encoding, read in that which it has; None where that is doubtful."""
    found = foreign(text)
    return None if found is None else found.text


def without_last_commas(text: str, seen: str) -> str:
    """`text` without commas at the ends of lines, as completing leaves them; lines that `seen` has stay as they are."""
    before = set(seen.split("\n"))
    return "\n".join(line if line in before else LAST_COMMAS.sub("", line) for line in text.split("\n"))


def checked(text: str) -> str:
    """A text that can be a caption. Raises UserError for one that cannot be read again."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UserError(
            problem(
                "caption_text", "This caption has a character that no text file can hold. Remove it and save again."
            )
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")
