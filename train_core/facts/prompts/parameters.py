"""The text in which AUTOMATIC1111's web UI, and this program, write how a picture was made: reading it back."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

LONGEST = 1 << 20  # letters of a text
LEAST_FACTS = 3  # in a last line; with fewer it belongs to the prompt
# A name and its value, which is a JSON string where it holds a comma, a colon or a line's end.
FACT = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
NEGATIVE = "Negative prompt:"
EXIF, USER_COMMENT = 0x8769, 0x9286  # where it stands in a JPEG or a WebP
UNICODE = b"UNICODE\0"


@dataclass(frozen=True)
class Parameters:
    """How a picture was made: its prompts, and facts such as "Steps" by A1111's names."""

    prompt: str
    negative: str
    facts: Mapping[str, str]


def read_parameters(text: str) -> Parameters:
    """What `text` says, by A1111's rules: the prompt's lines, the negative prompt's, and one line of facts."""
    *lines, last = text[:LONGEST].strip().split("\n")
    found = FACT.findall(last)
    if len(found) < LEAST_FACTS:
        lines, found = [*lines, last], []
    said: tuple[list[str], list[str]] = ([], [])
    is_negative = False
    for line in (one.strip() for one in lines):
        is_negative = is_negative or line.startswith(NEGATIVE)
        said[is_negative].append(line.removeprefix(NEGATIVE).strip() if is_negative else line)
    prompt, negative = ("\n".join(its).strip() for its in said)
    return Parameters(prompt, negative, {name: _unquoted(value) for name, value in found})


def parameters_in(content: bytes) -> str:
    """The text in the beginning of a PNG, JPEG or WebP; "" for a picture without one, or what is no picture."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            said = image.info.get("parameters")
            comment = image.getexif().get_ifd(EXIF).get(USER_COMMENT)
    except Exception:  # Pillow's decoders raise whatever they like on broken files
        return ""
    if isinstance(said, str):
        return said
    if isinstance(comment, bytes) and comment.startswith(UNICODE):
        return comment.removeprefix(UNICODE).decode("utf-16-be", "replace")
    return ""


def _unquoted(value: str) -> str:
    """The text of a JSON string; anything else is as it stands."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
