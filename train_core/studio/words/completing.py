"""Words to complete what somebody types in a caption: tags of the dataset, of a site's list, and of our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from train_core.studio.words.categories import plain, rules
from train_core.studio.words.tag_list import TagList

MOST = 12


class Offer(NamedTuple):
    """A tag to take. `here` counts the dataset's pictures that have it, `there` the site's; `alias` led to it."""

    tag: str
    here: int
    there: int
    alias: str = ""


def offers(letters: str, here: Mapping[str, int], there: TagList | None, most: int = MOST) -> list[Offer]:
    """The tags that begin with `letters`, or have a word that does: first those of the dataset, by their counts.

    Tags come as they are written in captions: with blanks, and with escaped brackets where the dataset escapes them.
    """
    wanted = plain(letters)
    if not wanted:
        return []
    escapes = any("\\(" in tag for tag in here)
    found: dict[str, Offer] = {}
    own = [(_rank(plain(tag), wanted), -count, tag) for tag, count in here.items()]
    for _, count, tag in sorted(one for one in own if one[0] is not None):
        found.setdefault(plain(tag), Offer(tag, -count, 0))
    for match in there.matches(wanted, most) if there is not None else ():
        known = found.get(match.tag)
        if known is not None:
            found[match.tag] = known._replace(there=match.pictures)
        else:
            found[match.tag] = Offer(_escaped(match.tag, escapes), 0, match.pictures, match.alias)
    ours = [(rank, tag) for tag in rules().exact if (rank := _rank(plain(tag), wanted)) is not None]
    for _, tag in sorted(ours, key=lambda one: one[0]):
        found.setdefault(plain(tag), Offer(_escaped(plain(tag), escapes), 0, 0))
    return list(found.values())[:most]


def _escaped(tag: str, escapes: bool) -> str:
    return tag.replace("(", "\\(").replace(")", "\\)") if escapes and any(letter.isalnum() for letter in tag) else tag


def _rank(tag: str, wanted: str) -> int | None:
    """0 for a tag that begins with what is wanted, 1 where a later word does, None for others."""
    if tag.startswith(wanted):
        return 0
    return 1 if f" {wanted}" in tag else None
