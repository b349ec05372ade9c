"""Which of a tagger's tags a picture gets, how they are written, and how they come into a caption that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from train_core.studio.captions import edited, tags_of, with_tags
from train_core.studio.tag_edits import move_to_front
from train_core.studio.tagging.scores import Scores
from train_core.studio.tagging.wd_files import CHARACTER, GENERAL, RATING, Tagger

CHARACTER_FLOOR = 0.15  # under what MCut finds for characters
# Faces made of signs, in which an underscore is no space.
KAOMOJI = frozenset((
    "0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3", "6_9", ">_o", "@_@", "^_^", "o_o",
    "u_u", "x_x", "|_|", "||_||",
))  # fmt: skip
NOT_IN_A_TAG = re.compile(r"[\x00-\x1f\x7f,，、\u0085\u2028\u2029\ud800-\udfff]+")  # what divides tags and lines

Existing = Literal["keep", "append", "prepend", "replace"]


@dataclass(frozen=True)
class Choice:
    """How tags are chosen: by the lowest scores that count, or by MCut, and never those that are `excluded`."""

    general: float = 0.35
    character: float = 0.85
    mcut: bool = False
    characters: bool = True
    rating: bool = False
    excluded: frozenset[str] = frozenset()  # as `alike` gives them
    spaces: bool = True
    escaped: bool = False


def chosen(scores: Scores, categories: Mapping[str, int], choice: Choice) -> list[str]:
    """The tags of a picture as a caption has them: characters, then general ones, the surest first; its rating last."""
    return list(scored(scores, categories, choice))


def scored(scores: Scores, categories: Mapping[str, int], choice: Choice) -> dict[str, float]:
    """The tags of a picture as `chosen` has them, each with its score."""
    general, character = choice.general, choice.character
    if choice.mcut:
        general, character = scores.general_cut or general, max(scores.character_cut, CHARACTER_FLOOR)
    names = [
        *(_surest(scores, categories, CHARACTER, character) if choice.characters else ()),
        *_surest(scores, categories, GENERAL, general),
        *(_surest(scores, categories, RATING, 0.0)[:1] if choice.rating else ()),
    ]
    found: dict[str, float] = {}
    for name in names:
        tag = written(name, choice.spaces, choice.escaped)
        if tag and alike(name) not in choice.excluded:
            found.setdefault(tag, scores.tags[name])
    return found


def _surest(scores: Scores, categories: Mapping[str, int], category: int, lowest: float) -> list[str]:
    found = [tag for tag, score in scores.tags.items() if categories.get(tag) == category and score >= lowest]
    return sorted(found, key=lambda tag: (-scores.tags[tag], tag))


def categories_of(tagger: Tagger) -> dict[str, int]:
    """The category of each tag."""
    return dict(zip(tagger.tags, tagger.categories, strict=True))


def written(name: str, spaces: bool, escaped: bool) -> str:
    """A tagger's tag as it stands in a caption; "" if nothing is left of it."""
    tag = NOT_IN_A_TAG.sub(" ", name).strip()
    if spaces and tag not in KAOMOJI:
        tag = " ".join(tag.replace("_", " ").split())
    return re.sub(r"([\\()])", r"\\\1", tag) if escaped else tag


def alike(tag: str) -> str:
    """What two spellings of one tag have in common: letter case, underscores and escapes do not matter."""
    plain = re.sub(r"\\([\\()])", r"\1", NOT_IN_A_TAG.sub(" ", tag)).strip().lower()
    return plain if plain in KAOMOJI else " ".join(plain.replace("_", " ").split())


def excluded_by(text: str) -> frozenset[str]:
    """The tags in a list with commas, for `Choice.excluded`."""
    return frozenset(map(alike, tags_of(text)))


def combined(text: str, tags: Sequence[str], existing: Existing, trigger: Sequence[str] = ()) -> str:
    """The caption that a picture gets which has the caption `text` now; what is kept of it stays as it is written.

    `keep` leaves a caption alone; so `tags` and `trigger` matter only where there is none. Tags that are there are not
    doubled. The trigger stands in front.
    """
    if not text.strip() or existing == "replace":
        return ", ".join([*trigger, *_missing(tags, trigger)])
    if existing == "keep":
        return text
    lines = text.split("\n")
    return "\n".join(
        _combined_line(line, tags, existing, trigger) if holds and line.strip() else line
        for line, holds in zip(lines, with_tags(lines), strict=True)
    )


def _combined_line(line: str, tags: Sequence[str], existing: Existing, trigger: Sequence[str]) -> str:
    there = tags_of(line)
    fresh = _missing(tags, [*there, *trigger])
    if existing == "append":
        kept = line.rstrip().rstrip(",，、").rstrip() if fresh else line
        parts = [kept, *fresh]
    else:
        parts = [*fresh, line]
    whole = ", ".join([*_missing(trigger, there), *parts])
    return edited(whole, lambda found: move_to_front(found, trigger))


def _missing(tags: Sequence[str], there: Sequence[str]) -> list[str]:
    """Those of `tags` that are not among `there` in any spelling."""
    known = {alike(tag) for tag in there}
    return [tag for tag in tags if alike(tag) not in known]
