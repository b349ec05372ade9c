"""What a dataset shows and what it does not, as statements with their pictures: views, expressions, outfits, folders.

The rules are data: groups of tags that mean the same, and shares from which something is said. Statements are hints for
people, who decide; tags say what somebody has written, not what is on a picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

FEWEST = 6  # captioned pictures of which something is said at all
FEW, MOST = 0.05, 0.8  # shares below and from which something is few, or nearly all
TRIGGER = 0.9  # share of captions that begin with the trigger word
OUTFIT_SHARE, OUTFIT_FEWEST = 0.1, 2  # of an outfit that counts as one
FOLDER_RATIO = 3  # how much larger one folder is than another for it to be said
ALIKE = 0.3  # share of look-alikes from which that is said

# What a set of a subject usually shows somewhere: few or none of it is said.
WANTED: Mapping[str, frozenset[str]] = {
    "behind": frozenset({"from behind", "back view", "facing away"}),
    "side": frozenset({"from side", "side view", "profile"}),
    "above": frozenset({"from above", "bird's-eye view"}),
    "below": frozenset({"from below", "worm's-eye view"}),
    "close": frozenset({"close-up", "extreme close-up", "portrait", "face focus", "head only"}),
    "full": frozenset({"full body", "wide shot", "very wide shot"}),
}
# What is learnt as part of the subject if nearly all pictures have it.
SHARED: Mapping[str, frozenset[str]] = {
    "smile": frozenset({"smile", "grin", "light smile", "happy", ":d", "smirk"}),
    "viewer": frozenset({"looking at viewer", "facing viewer", "eye contact"}),
    "standing": frozenset({"standing"}),
    "sitting": frozenset({"sitting"}),
    "upper": frozenset({"upper body"}),
    "indoors": frozenset({"indoors"}),
    "outdoors": frozenset({"outdoors"}),
    "night": frozenset({"night"}),
}
# Whole outfits, each by the tags that name it; the first fitting one counts.
OUTFITS: Mapping[str, frozenset[str]] = {
    "wedding dress": frozenset({"wedding dress"}), "china dress": frozenset({"china dress"}),
    "school uniform": frozenset({"school uniform", "serafuku", "sailor uniform", "gakuran"}),
    "gym uniform": frozenset({"gym uniform"}), "maid": frozenset({"maid", "maid dress"}),
    "nurse": frozenset({"nurse"}), "miko": frozenset({"miko"}),
    "swimsuit": frozenset({"swimsuit", "bikini", "one-piece swimsuit", "school swimsuit"}),
    "kimono": frozenset({"kimono", "yukata", "hakama", "furisode"}), "armor": frozenset({"armor"}),
    "military uniform": frozenset({"military uniform"}), "pajamas": frozenset({"pajamas"}),
    "suit": frozenset({"suit", "business suit", "formal"}), "leotard": frozenset({"leotard", "playboy bunny"}),
    "bodysuit": frozenset({"bodysuit"}), "tracksuit": frozenset({"tracksuit"}), "hoodie": frozenset({"hoodie"}),
    "coat": frozenset({"coat", "winter clothes", "trench coat"}), "dress": frozenset({"dress", "sundress"}),
    "nude": frozenset({"nude", "completely nude"}),
}  # fmt: skip

Kind = Literal["uncaptioned", "none", "few", "most", "background", "outfits", "shot", "folder", "alike"]


@dataclass(frozen=True)
class Shown:
    """What is known of one picture: its tags in their order and in lower case, its shot, its folder, its likeness."""

    tags: tuple[str, ...] = ()
    shot: str = ""
    folder: str = ""
    alike: bool = False


@dataclass(frozen=True)
class Statement:
    """Something that is to be said: of what, of how many pictures out of `all`, and which those are.

    `parts` are names with their pictures, where a statement is about several.
    """

    kind: Kind
    what: str
    pictures: tuple[int, ...]
    all: int
    parts: tuple[tuple[str, tuple[int, ...]], ...] = ()


def coverage(pictures: Mapping[int, Shown], shots: Mapping[str, int]) -> list[Statement]:
    """What there is to say of these pictures; `shots` are the kinds of pictures with how many of each are wanted."""
    tagged = {id: one for id, one in pictures.items() if one.tags}
    found = [*_shots(pictures, shots), *_folders(pictures), *_alike(pictures), *_uncaptioned(pictures, tagged)]
    if len(tagged) < FEWEST:
        return found
    return [*_outfits(tagged), *_backgrounds(tagged), *_shared(tagged), *_wanted(tagged), *found]


def _with(pictures: Mapping[int, Shown], tags: frozenset[str]) -> tuple[int, ...]:
    return tuple(id for id, one in pictures.items() if not tags.isdisjoint(one.tags))


def _wanted(tagged: Mapping[int, Shown]) -> Iterable[Statement]:
    for what, tags in WANTED.items():
        its = _with(tagged, tags)
        if not its:
            yield Statement("none", what, (), len(tagged))
        elif len(its) < FEW * len(tagged):
            yield Statement("few", what, its, len(tagged))


def _shared(tagged: Mapping[int, Shown]) -> Iterable[Statement]:
    for what, tags in SHARED.items():
        its = _with(tagged, tags)
        if len(its) >= MOST * len(tagged):
            yield Statement("most", what, its, len(tagged))


def _backgrounds(tagged: Mapping[int, Shown]) -> Iterable[Statement]:
    """The background that nearly all have: the most exact name of it."""
    counts = Counter(tag for one in tagged.values() for tag in set(one.tags) if tag.endswith(" background"))
    same = [tag for tag, count in counts.items() if count >= MOST * len(tagged)]
    exact = [tag for tag in same if tag != "simple background"] or same
    if exact:
        tag = max(exact, key=lambda one: counts[one])
        yield Statement("background", tag, _with(tagged, frozenset({tag})), len(tagged))


def _outfits(tagged: Mapping[int, Shown]) -> Iterable[Statement]:
    """Different outfits under one trigger word, which would then mean a mixture of them."""
    trigger, count = Counter(one.tags[0] for one in tagged.values()).most_common(1)[0]
    if count < TRIGGER * len(tagged):
        return
    its: dict[str, list[int]] = {}
    for id, one in tagged.items():
        outfit = next((name for name, tags in OUTFITS.items() if not tags.isdisjoint(one.tags)), None)
        if outfit is not None:
            its.setdefault(outfit, []).append(id)
    fewest = max(OUTFIT_FEWEST, OUTFIT_SHARE * len(tagged))
    parts = [(name, tuple(ids)) for name, ids in its.items() if len(ids) >= fewest]
    if len(parts) > 1:
        parts.sort(key=lambda part: -len(part[1]))
        together = tuple(id for _, ids in parts for id in ids)
        yield Statement("outfits", trigger, together, len(tagged), tuple(parts))


def _shots(pictures: Mapping[int, Shown], shots: Mapping[str, int]) -> Iterable[Statement]:
    """Kinds of pictures of which there are fewer than wanted: as they were marked, or else by their tags."""
    marked = any(one.shot for one in pictures.values())
    known = {tag for one in pictures.values() for tag in one.tags}
    if not marked and known.isdisjoint(shots):
        return
    for shot, target in shots.items():
        its = tuple(id for id, one in pictures.items() if (one.shot == shot if marked else shot in one.tags))
        if len(its) < target and (marked or shot in known or its):
            yield Statement("shot", shot, its, target)


def _folders(pictures: Mapping[int, Shown]) -> Iterable[Statement]:
    """Folders of very different size, the largest of which would be learnt most."""
    its: dict[str, list[int]] = {}
    for id, one in pictures.items():
        its.setdefault(one.folder, []).append(id)
    parts: Sequence[tuple[str, tuple[int, ...]]] = sorted(
        ((name, tuple(ids)) for name, ids in its.items()), key=lambda part: -len(part[1])
    )
    if len(parts) > 1 and len(parts[0][1]) >= FOLDER_RATIO * len(parts[-1][1]):
        yield Statement("folder", parts[0][0], parts[0][1], len(pictures), tuple(parts))


def _alike(pictures: Mapping[int, Shown]) -> Iterable[Statement]:
    its = tuple(id for id, one in pictures.items() if one.alike)
    if len(pictures) >= FEWEST and len(its) >= ALIKE * len(pictures):
        yield Statement("alike", "", its, len(pictures))


def _uncaptioned(pictures: Mapping[int, Shown], tagged: Mapping[int, Shown]) -> Iterable[Statement]:
    its = tuple(id for id in pictures if id not in tagged)
    if its:
        yield Statement("uncaptioned", "", its, len(pictures))
