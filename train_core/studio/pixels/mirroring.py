"""Mirrored copies: words for one side are swapped, and what gives a mirror image away is told by name."""

from __future__ import annotations

import re

from train_core.studio.captions import all_tags

# Both sides at once, and what means no side, stay as they are: they are found first.
SIDES = re.compile(
    r"(?<![a-z])(?:(?:left and right|right and left|left or right|right or left|all right|right angle)|(left)|(right))"
    r"(?![a-z])|左右|右左|(左)|(右)", re.IGNORECASE,
)  # fmt: skip
OTHERS = {"left": "right", "right": "left", "左": "右", "右": "左"}
# What people and things have on one side, and what is read: mirrored copies teach it on both sides, or reversed.
ONE_SIDED = re.compile(
    r"(?<![a-z])(?:asymmetr\w*|birthmark|eyepatch|hair over one eye|heterochromia|logo|mole|one side up|prosthe\w*|"
    r"scars?|side (?:braid|bun|ponytail)|signature|speech bubble|tattoos?|text|watermark|artist name|username|"
    r"web address)(?![a-z])", re.IGNORECASE,
)  # fmt: skip


def mirrored_caption(text: str) -> str:
    """A caption for the mirrored picture: left becomes right and right becomes left; all else stays as it is."""
    return SIDES.sub(_other, text)


def _other(found: re.Match[str]) -> str:
    word = next((one for one in found.groups() if one), None)
    if word is None:
        return found[0]
    other = OTHERS[word.lower()]
    return other.upper() if word.isupper() else other.title() if word[0].isupper() else other


def one_sided(text: str) -> list[str]:
    """The tags of a caption that name something that is on one side only, or is read; each once."""
    return list(dict.fromkeys(tag for tag in all_tags(text) if ONE_SIDED.search(tag.replace("_", " "))))
