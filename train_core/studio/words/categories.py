"""What tags are about, in categories, and the order of a caption that follows from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("tag_categories.txt")
# The tutorials' order behind the trigger: 角色, 视角, 镜头, 姿势, 头发, 面部, 动作, 身体, 服装, 场景, 时间, 天气, 事物;
# behind them what the other usual order puts in front.
CATEGORIES = (
    "character", "view", "shot", "pose", "hair", "face", "action", "body", "clothes", "scene", "time", "weather",
    "object", "style", "artist", "quality",
)  # fmt: skip
UNKNOWN = "object"
WORD = re.compile(r"[^\W_]{2}")  # which faces such as ^_^ and o_o have not
# Orders that can be chosen: the tutorials', and quality, subject, style, artist, then all details.
ORDERS: Mapping[str, tuple[str, ...]] = {
    "parts": CATEGORIES,
    "quality": ("quality", "character", "style", "artist", *CATEGORIES[1:13]),
}
# What the types of a site's list say of tags (1 artist, 3 copyright, 4 character, 5 meta).
OF_TYPES = {1: "artist", 3: "character", 4: "character", 5: "quality"}


@dataclass(frozen=True)
class Rules:
    """Exact tags and patterns with `*`, the latter as their parts before and behind it, each with its category."""

    exact: Mapping[str, str]
    patterns: Sequence[tuple[str, str, str]]


@cache
def rules() -> Rules:
    """The rules that ship with the program."""
    exact: dict[str, str] = {}
    patterns: list[tuple[str, str, str]] = []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        category, _, tags = line.partition(": ")
        if line.startswith("#") or category not in CATEGORIES:
            continue
        for tag in map(plain, tags.split(",")):
            before, star, behind = tag.partition("*")
            if star:
                patterns.append((before, behind, category))
            else:
                exact.setdefault(tag, category)
    return Rules(exact, patterns)


@dataclass(frozen=True)
class Categories:
    """Somebody's categories: their order, the tags that were put into others, and what a site's list says of tags."""

    order: tuple[str, ...] = CATEGORIES
    own: Mapping[str, str] = field(default_factory=dict)
    type_of: Callable[[str], int | None] = lambda _: None

    def of(self, tag: str) -> str:
        """What a tag is about; `object` for what is not known."""
        name = plain(tag)
        known = self.own.get(name) or rules().exact.get(name)
        if known is None and (type := self.type_of(name)) is not None:
            known = OF_TYPES.get(type)
        return known or _by_pattern(name)

    def sort(self, tags: Sequence[str], trigger: Sequence[str] = ()) -> list[str]:
        """`tags` by what they are about: the trigger's first; tags of one category keep their order."""
        first = [tag for tag in dict.fromkeys(trigger) if tag in tags]
        places = {category: place for place, category in enumerate(self.order)}
        rest = [tag for tag in tags if tag not in first]
        return [*first, *sorted(rest, key=lambda tag: places.get(self.of(tag), len(places)))]


USUAL = Categories()


def plain(tag: str) -> str:
    """A tag as it is compared: in lower case, with blanks for underscores but in faces, brackets not escaped."""
    return _plain(tag)


def plain_anew(tag: str) -> str:
    """The same, not remembered: for long lists."""
    spaced = tag.replace("_", " ") if WORD.search(tag) else tag
    return " ".join(spaced.replace("\\(", "(").replace("\\)", ")").lower().split())


_plain = lru_cache(maxsize=32_768)(plain_anew)


@lru_cache(maxsize=32_768)
def _by_pattern(name: str) -> str:
    found = (one for before, behind, one in rules().patterns if name.startswith(before) and name.endswith(behind))
    return next(found, UNKNOWN)
