"""Flags of a trainer's or accelerate's command line, as presets and scripts hold them: read, never run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any

from train_core.config.syntax.signs import plain_signs

_FLAG = re.compile(r"--?[A-Za-z][\w-]*")
MOST = 2000  # words; far more than anybody writes


def words_of(text: str) -> list[str]:
    """`text` cut at blanks outside quotes; backslashes are letters, as in paths; so are quotes that do not close."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        return list(lexer)[:MOST]
    except ValueError:
        return text.split()[:MOST]


def flags_in(words: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """The flags in `words` by name, and the words that belong to none.

    A flag without a value is True, one with several has a list; a later one counts.
    """
    flags: dict[str, Any] = {}
    loose: list[str] = []
    name = ""
    for word in words:
        plain = plain_signs(word)
        start, equals, _ = plain.partition("=")
        if _FLAG.fullmatch(start):
            name = start.lstrip("-").replace("-", "_")
            flags[name] = [word[len(start) + 1 :]] if equals else []
        elif name:
            flags[name].append(word)
        else:
            loose.append(word)
    return {name: _value(values) for name, values in flags.items()}, loose


def _value(values: list[str]) -> Any:
    return True if not values else values[0] if len(values) == 1 else values
