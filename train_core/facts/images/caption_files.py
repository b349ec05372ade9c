"""Caption files: what is in them, and which encoding they have when it is not UTF-8."""

from __future__ import annotations

import codecs
from pathlib import Path

from train_core.config.problems import Problem, UserError, cause_of, problem

_UNICODE_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def read_caption(path: Path) -> str:
    """The lines of `path` that are not blank, as they are written; "" for an empty file. A draw uses one of them.

    Raises UserError when it cannot be read, and, naming the encoding that it seems to have, when it is not UTF-8.
    """
    return "\n".join(caption_lines(path))


def caption_lines(path: Path) -> list[str]:
    """The lines of `path` that are not blank, trimmed. Raises UserError as `read_caption` does."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(unreadable(path, error)) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(not_utf8(path, data)) from error
    if "\0" in text:
        raise UserError(not_utf8(path, data))
    return [line.strip() for line in text.splitlines() if line.strip()]


def likely_encoding(data: bytes) -> str:
    """The encoding that bytes which are not UTF-8 most likely have, by a name people know."""
    for mark, name in _UNICODE_MARKS:
        if data.startswith(mark):
            return name
    if b"\0" in data:
        return "UTF-16"
    for codec, name, fits, share in _CODECS:
        foreign = [char for char in _decoded(data, codec) if ord(char) > 127]
        if foreign and sum(map(fits, foreign)) >= share * len(foreign):
            return name
    return "Windows-1252"


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return ""


def _is_kana(char: str) -> bool:
    return "\u3040" <= char <= "\u30ff"


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


# Chinese read as EUC-KR gives Hangul in part, Korean read as GBK gives Chinese: so Korean comes first and must be pure.
_CODECS = (
    ("shift_jis", "Shift-JIS", _is_kana, 0.5),
    ("cp949", "EUC-KR", _is_hangul, 1.0),
    ("gb18030", "GBK", _is_han, 0.5),
)


def unreadable(path: Path, error: OSError) -> Problem:
    """The problem of a caption that the system does not let be read."""
    return problem(
        "caption_unreadable", "The caption {path} cannot be read ({reason}). Restore it, or remove its image.",
        path=str(path), reason=cause_of(error),
    )


def not_utf8(path: Path, data: bytes) -> Problem:
    """The problem of a caption whose bytes are not UTF-8, with the encoding that they seem to have."""
    return problem(
        "caption_not_utf8",
        "The caption {path} is not UTF-8; it looks like {encoding}. Open it in a text editor and save it as UTF-8.",
        path=str(path), encoding=likely_encoding(data),
    )
