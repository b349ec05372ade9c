"""Caption files: what is in them, and which encoding they have when it is not UTF-8."""

from __future__ import annotations

from pathlib import Path

from train_core.config.problems import Problem, UserError, cause_of, problem
from train_core.facts.images.encodings import likely_encoding


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


def unreadable(path: Path, error: OSError) -> Problem:
    """The problem of a caption that the system does not let be read."""
    return problem(
        "caption_unreadable", "The caption {path} cannot be read ({reason}). Restore it, or remove its image.",
        path=str(path), reason=cause_of(error),
    )


def not_utf8(path: Path, data: bytes) -> Problem:
    """The problem of a caption whose bytes are not UTF-8, or hold a zero: with the encoding that they seem to have."""
    encoding = likely_encoding(data)
    if b"\0" in data and not encoding.startswith("UTF-"):
        return problem(
            "caption_zero_byte",
            "The caption {path} holds a zero byte, which no text has. Remove it in a text editor and save it as UTF-8.",
            path=str(path),
        )
    return problem(
        "caption_not_utf8",
        "The caption {path} is not UTF-8; it looks like {encoding}. Proofread › Write as UTF-8 on the Data tab "
        "converts it where that is certain; or open it in a text editor with its encoding and save it as UTF-8.",
        path=str(path), encoding=encoding,
    )  # fmt: skip
