"""HTML in which every value is escaped: markupsafe's `Markup` is safe text, everything else is not."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from kohya_gui.i18n.messages import translate
from train_core.config.problems import Problem


def joined(parts: Iterable[Markup | str]) -> Markup:
    """All of `parts` one after the other; those that are plain text are escaped."""
    return Markup("").join(parts)


def message(found: Problem, language: str) -> Markup:
    """The message of `found` in `language`, with its line breaks."""
    return Markup("<br>").join(translate(found, language).split("\n"))
