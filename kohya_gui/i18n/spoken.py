"""What the program says in a terminal, in the language that the terminal's variables ask for."""

from __future__ import annotations

import os
import unicodedata
from typing import Any

from kohya_gui.i18n.languages import terminal_language
from kohya_gui.i18n.messages import say
from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import Problem


def spoken(said: Any) -> str:
    """A phrase or a problem in the terminal's language; plain text stays as it is."""
    said = _quoted(said) if isinstance(said, Problem) else said
    return str(say(said, terminal_language(os.environ)))


def warning(found: Problem) -> Phrase:
    """The line that warns of `found`."""
    return phrase("said_warning", "Warning: {text}", text=_quoted(found))


def error(found: Problem) -> Phrase:
    """The line that tells the error `found`."""
    return phrase("said_error", "Error: {text}", text=_quoted(found))


def _quoted(found: Problem) -> Phrase:
    return Phrase(found.text, f"message.{found.code}", found.params)


def in_columns(text: str, columns: int) -> str:
    """`text` with blanks up to this many columns of a terminal, in which a Chinese letter takes two."""
    taken = sum(2 if unicodedata.east_asian_width(letter) in "FW" else 1 for letter in text)
    return text + " " * max(0, columns - taken)
