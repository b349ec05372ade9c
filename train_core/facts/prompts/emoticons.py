"""Faces that are tags, such as `:)` and `;d`: their brackets and colons mean nothing else."""

from __future__ import annotations

import re

# A whole tag: two or three signs, perhaps with a brow before and a nose in the middle.
_FACE = re.compile(
    r"(?:^|[,，\n])[ \t]*(?P<face>[>}]?[:;=xX8][-^'~]?[()|dDoOpPqQxXtTiI3<>/*]{1,2}|\|[-_]?\||\([:;=]|[)|d]:)"
    r"(?=[ \t]*(?:$|[,，\n]))",
    re.MULTILINE,
)


def emoticons(text: str) -> list[tuple[int, int]]:
    """Where faces stand in `text` as tags of their own: start and end of each."""
    return [found.span("face") for found in _FACE.finditer(text)]


def with_plain_emoticons(text: str) -> str:
    """`text` with a backslash before each bracket of a face, so that it opens and closes nothing."""
    for start, end in reversed(emoticons(text)):
        text = text[:start] + re.sub(r"([()])", r"\\\1", text[start:end]) + text[end:]
    return text
