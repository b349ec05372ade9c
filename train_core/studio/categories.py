"""What tags are about, in thirteen categories, and the order of a caption that follows from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("tag_categories.txt")
# The tutorials' order behind the trigger: 角色, 视角, 镜头, 姿势, 头发, 面部, 动作, 身体, 服装, 场景, 时间, 天气, 事物
CATEGORIES = (
    "character", "view", "shot", "pose", "hair", "face", "action", "body", "clothes", "scene", "time", "weather",
    "object",
)  # fmt: skip


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
        for tag in map(str.strip, tags.split(",")):
            before, star, behind = tag.partition("*")
            if star:
                patterns.append((before, behind, category))
            else:
                exact.setdefault(tag, category)
    return Rules(exact, patterns)


@cache
def category_of(tag: str) -> str:
    """What a tag is about; `object` for what is not known."""
    plain = re.sub(r"\s+", " ", tag.replace("_", " ") if len(tag) > 3 else tag).strip().lower()
    known = rules()
    if plain in known.exact:
        return known.exact[plain]
    for before, behind, category in known.patterns:
        if plain.startswith(before) and plain.endswith(behind):
            return category
    return CATEGORIES[-1]


def sort_tags(tags: Sequence[str], trigger: Sequence[str] = (), order: Sequence[str] = CATEGORIES) -> list[str]:
    """`tags` by what they are about: the trigger's first, then by `order`; tags of one category keep their order."""
    first = [tag for tag in dict.fromkeys(trigger) if tag in tags]
    places = {category: place for place, category in enumerate(order)}
    rest = [tag for tag in tags if tag not in first]
    return [*first, *sorted(rest, key=lambda tag: places.get(category_of(tag), len(places)))]
