"""Attention weights in prompts, `(word:1.2)`, by the rules of AUTOMATIC1111's web UI."""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter

from train_core.config.syntax.signs import plain_signs
from train_core.facts.prompts.emoticons import with_plain_emoticons

ROUND = 1.1
SQUARE = 1 / 1.1
DEEPEST = 50  # brackets within each other that count: each goes over all that it encloses

_TOKEN = re.compile(
    r"""
    \\(?P<escaped>[\\()\[\]])             # \( is a bracket that means itself
    | (?P<lone>\\)                        # any other backslash says nothing
    | [:：]\s*(?P<weight>[+-]?(?:\d+(?:[.．]\d*)?|[.．]\d+))\s*[)）]
    | (?P<bracket>[()\[\]])
    | (?P<text>[^\\()\[\]:：]+ | [:：])
    """,
    re.VERBOSE,
)

_BREAK = re.compile(r"\s*\bBREAK\b\s*")

# A whole weighted piece in full-width brackets, which mean nothing else around a number at their end.
_FULL_WIDTH = re.compile(r"（([^()（）]*[:：]\s*[+-]?(?:\d+(?:[.．]\d*)?|[.．]\d+)\s*[)）])")


def parse_weighted(text: str) -> list[tuple[str, float]]:
    """Return `text` cut into (piece, weight); equal neighbours are joined, and empty text gives `[("", 1.0)]`.

    `(x)` multiplies by 1.1, `[x]` divides by 1.1, `(x:1.3)` multiplies by 1.3, and they nest. A backslash makes a
    bracket or a backslash plain. A bracket never closed reaches to the end; one never opened is plain text. A colon
    before a weight, and brackets around one, may be full-width. Within `DEEPEST` others of its kind, one does nothing.
    Brackets of a face that is a tag, such as `:)`, belong to the face.
    """
    pieces: list[tuple[str, float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}  # where each open bracket's pieces begin

    def close(bracket: str, factor: float) -> None:
        start = opened[bracket].pop()
        if len(opened[bracket]) < DEEPEST:
            pieces[start:] = [(piece, weight * factor) for piece, weight in pieces[start:]]

    for token in _TOKEN.finditer(_FULL_WIDTH.sub(r"(\1", with_plain_emoticons(text))):
        bracket = token["bracket"]
        if bracket in ("(", "["):
            opened[bracket].append(len(pieces))
        elif token["weight"] and opened["("]:
            close("(", float(plain_signs(token["weight"])))
        elif bracket == ")" and opened["("]:
            close("(", ROUND)
        elif bracket == "]" and opened["["]:
            close("[", SQUARE)
        elif not token["lone"]:
            pieces.append((token["escaped"] or token[0], 1.0))
    while opened["("]:
        close("(", ROUND)
    while opened["["]:
        close("[", SQUARE)
    alike = groupby(pieces, itemgetter(1))
    return [("".join(piece for piece, _ in group), weight) for weight, group in alike] or [("", 1.0)]


def parse_sections(text: str) -> list[list[tuple[str, float]]]:
    """`text` cut at each BREAK, and its sections into (piece, weight) as by `parse_weighted`."""
    sections: list[list[tuple[str, float]]] = [[]]
    for piece, weight in parse_weighted(text):
        first, *others = _BREAK.split(piece)
        sections[-1].append((first, weight))
        sections += [[(other, weight)] for other in others]
    return sections
