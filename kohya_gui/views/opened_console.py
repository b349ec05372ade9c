"""The console of an opened run as HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import say, text
from kohya_gui.runs.details.console import Console, Line, Piece
from kohya_gui.views.markup import joined


def console_html(language: str) -> Markup:
    """The frame of the console, with its search box."""
    words = text("ui.opened.console.search", language)
    return Markup(
        '<section id="opened-console"><div class="runs-head"><h3 class="runs-title">{}</h3>'
        '<input type="search" id="console-search" placeholder="{}" aria-label="{}"><span class="runs-space"></span>'
        '<span class="soft" id="console-count"></span></div>'
        '<div class="console-lines" id="console-lines" tabindex="0"></div></section>'
    ).format(text("ui.opened.console", language), words, words)


def lines_html(console: Console, said: Mapping[str, Any], language: str) -> Markup:
    """The lines; those of events, the keys of `said`, in the reader's own language."""
    return joined(_line(line, said, language) for line in console.lines)


def count_text(console: Console, language: str) -> str:
    """How many lines are shown, of how many."""
    key = "ui.opened.console.count" if len(console.lines) == console.fitting else "ui.opened.console.last"
    return text(key, language, shown=f"{len(console.lines):,}", lines=f"{console.fitting:,}")


def _line(line: Line, said: Mapping[str, Any], language: str) -> Markup:
    english = "".join(piece.text for piece in line.pieces)
    words = joined(map(_piece, line.pieces))
    if english in said and not any(piece.found for piece in line.pieces):
        words = Markup("{}").format(say(said[english], language))
    return Markup('<div class="{}"><i>{}</i><span>{}</span></div>').format(line.kind, line.number, words)


def _piece(piece: Piece) -> Markup:
    words = Markup("<mark>{}</mark>" if piece.found else "{}").format(piece.text)
    return Markup('<span class="{}">{}</span>').format(piece.colour, words) if piece.colour else words
