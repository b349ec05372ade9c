"""Proofreading of a whole dataset's tags: what is redundant, suspicious or missing, each with its reason.

Nothing is changed here; every finding says what could be done, and people decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["implied", "part", "doubled", "contradiction", "rare", "missing", "encoding"]
# A tag, and those that say the same more exactly. Written for Crucible.
IMPLIED: Mapping[str, tuple[str, ...]] = {
    "hair ornament": ("hairclip", "hairpin", "hair ribbon", "hair bow", "hair flower", "scrunchie", "hairband"),
    "shoes": ("loafers", "sneakers", "high heels", "mary janes", "slippers"),
    "footwear": ("shoes", "boots", "sandals"),
    "socks": ("kneehighs",),
    "hat": ("beret", "baseball cap", "witch hat", "sun hat", "straw hat", "top hat"),
    "headwear": ("hat", "beret", "crown", "helmet"),
    "jewelry": ("earrings", "necklace", "bracelet", "ring", "pendant"),
    "eyewear": ("glasses", "sunglasses", "goggles"),
    "dress": ("sundress", "wedding dress", "china dress"),
    "japanese clothes": ("kimono", "yukata", "hakama", "miko"),
    "swimsuit": ("bikini", "one-piece swimsuit", "school swimsuit"),
    "animal ears": ("cat ears", "dog ears", "fox ears", "rabbit ears", "wolf ears"),
    "weapon": ("sword", "gun", "spear", "bow \\(weapon\\)", "knife", "katana", "rifle"),
    "flower": ("rose", "sunflower", "lily", "tulip", "hibiscus"),
    "smile": ("grin", "smirk", "light smile", "evil smile"),
    "tree": ("palm tree", "pine tree", "cherry tree"),
    "background": ("simple background", "white background", "grey background"),
    "multiple girls": ("2girls", "3girls", "4girls"),
    "multiple boys": ("2boys", "3boys"),
}  # fmt: skip
# Words whose longer forms are other things: `leaf` is no part of `maple leaf` in everybody's captions.
NOT_PARTS = frozenset({"solo", "looking", "holding", "1girl", "1boy", "focus", "v"})
# Subjects of which a picture with `solo` has one.
SUBJECTS = ("1girl", "1boy", "1other", "2girls", "2boys", "multiple girls", "multiple boys")
# Tags that cannot both be true of one subject.
OPPOSITES = (
    ("open mouth", "closed mouth"), ("day", "night"), ("indoors", "outdoors"), ("standing", "sitting"),
    ("looking at viewer", "looking away"), ("from above", "from below"), ("long hair", "short hair"),
    ("long sleeves", "short sleeves"), ("full body", "upper body"), ("full body", "portrait"), ("barefoot", "shoes"),
    ("monochrome", "colorful"), ("solo", "multiple girls"), ("solo", "multiple boys"),
)  # fmt: skip
RARE_SHARE, RARE_MOST, FEWEST_PICTURES = 0.02, 2, 30
MOST_OF_THEM = 2 / 3

Tags = Mapping[int, Sequence[str]]  # of each picture


@dataclass(frozen=True)
class Finding:
    """Something that may be wrong: a tag, the pictures concerned, and the other tags that are the reason."""

    kind: Kind
    tag: str
    pictures: tuple[int, ...]
    because: tuple[str, ...] = ()


def redundant(tags: Sequence[str]) -> dict[str, tuple[Kind, tuple[str, ...]]]:
    """The tags of one caption that other ones of it make superfluous: how, and which ones."""
    found: dict[str, tuple[Kind, tuple[str, ...]]] = {}
    counts = Counter(tag.lower() for tag in tags)
    present = set(counts)
    for tag in dict.fromkeys(one.lower() for one in tags):
        exact = tuple(one for one in IMPLIED.get(tag, ()) if one in present)
        longer = tuple(one for one in counts if one != tag and one.endswith(f" {tag}") and tag not in NOT_PARTS)
        if counts[tag] > 1:
            found[tag] = ("doubled", (tag,))
        elif longer:
            found[tag] = ("part", longer)
        elif exact:
            found[tag] = ("implied", exact)
    return found


def proofread(captions: Tags, groups: Sequence[Sequence[int]] = ()) -> list[Finding]:
    """All findings, those about the most pictures first within their kind. `groups` are pictures that look alike."""
    return [*_redundant(captions), *_contradictions(captions), *_rare(captions), *_missing(captions, groups)]


def _redundant(captions: Tags) -> list[Finding]:
    where: dict[tuple[str, Kind], dict[int, tuple[str, ...]]] = {}
    for id, tags in captions.items():
        for tag, (kind, because) in redundant(tags).items():
            where.setdefault((tag, kind), {})[id] = because
    found = [
        Finding(kind, tag, tuple(ids), tuple(dict.fromkeys(one for because in ids.values() for one in because)))
        for (tag, kind), ids in where.items()
    ]
    return sorted(found, key=lambda one: (-len(one.pictures), one.tag))


def _contradictions(captions: Tags) -> list[Finding]:
    """Tags that cannot be true beside others; that one of the two is named which fewer pictures have."""
    counts = Counter(tag.lower() for tags in captions.values() for tag in set(tags))
    where: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for id, tags in captions.items():
        present = {tag.lower() for tag in tags}
        for wrong, because in _opposed(present, counts):
            where.setdefault((wrong, because), []).append(id)
    found = [Finding("contradiction", tag, tuple(ids), because) for (tag, because), ids in where.items()]
    return sorted(found, key=lambda one: (-len(one.pictures), one.tag))


def _opposed(present: set[str], counts: Mapping[str, int]) -> Iterator[tuple[str, tuple[str, ...]]]:
    subjects = [one for one in SUBJECTS if one in present]
    if "solo" in present and len(subjects) > 1:
        most = max(subjects, key=lambda one: counts[one])
        for other in subjects:
            if other != most:
                yield other, (most, "solo")
    for pair in OPPOSITES:
        if present.issuperset(pair) and not set(pair) & set(subjects):
            wrong, right = sorted(pair, key=lambda one: (counts[one], one))
            yield wrong, (right,)


def _rare(captions: Tags) -> list[Finding]:
    """Tags of very few pictures of many: often slips of a tagger, or of the hand."""
    if len(captions) < FEWEST_PICTURES:
        return []
    where: dict[str, list[int]] = {}
    for id, tags in captions.items():
        for tag in set(tags):
            where.setdefault(tag, []).append(id)
    most = max(1, min(RARE_MOST, int(RARE_SHARE * len(captions))))
    return [Finding("rare", tag, tuple(ids)) for tag, ids in sorted(where.items()) if len(ids) <= most]


def _missing(captions: Tags, groups: Sequence[Sequence[int]]) -> list[Finding]:
    """Tags that most of a picture's look-alikes have and it has not."""
    lacking: dict[str, list[int]] = {}
    for group in groups:
        known = [id for id in group if captions.get(id)]
        if len(known) < 3:
            continue
        counts = Counter(tag for id in known for tag in set(captions[id]))
        for tag, count in counts.items():
            if MOST_OF_THEM * len(known) <= count < len(known):
                lacking.setdefault(tag, []).extend(id for id in known if tag not in captions[id])
    found = [Finding("missing", tag, tuple(dict.fromkeys(ids))) for tag, ids in lacking.items()]
    return sorted(found, key=lambda one: (-len(one.pictures), one.tag))
