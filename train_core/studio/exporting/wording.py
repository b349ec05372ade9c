"""What an export writes of captions that have tags and sentences: all of it, one of the two, or both in one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from train_core.studio.captions import parts

# As they are; the tags; the sentences; both in one line; both as they are, for a trainer to take one line each time.
Wording = Literal["whole", "tags", "sentence", "together", "lines"]


def worded(text: str, wording: Wording) -> str:
    """The caption that is written, in one line unless it is as it was; where one of the two lacks, the other."""
    tags, sentence = parts(text)
    if wording == "tags":
        return tags or sentence
    if wording == "sentence":
        return sentence or tags
    if wording == "together":
        return ", ".join(one for one in (tags.rstrip(",，、 "), sentence) if one)
    return text


def has_both(texts: Iterable[str]) -> int:
    """How many of the captions have tags and sentences, or other lines behind the first."""
    return sum(all(parts(text)) for text in texts)
