"""Changes of many captions' tags at once: add, remove, rename, move to the front, search and replace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from train_core.config.problems import UserError, problem
from train_core.studio.captions import Edit, edited, tags_of
from train_core.studio.words.categories import USUAL, Categories


def add(tags: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """`tags` and behind them those of `wanted` that are missing."""
    return [*tags, *(tag for tag in dict.fromkeys(wanted) if tag not in tags)]


def remove(tags: Sequence[str], unwanted: Sequence[str]) -> list[str]:
    """`tags` without the `unwanted` ones."""
    return [tag for tag in tags if tag not in unwanted]


def rename(tags: Sequence[str], old: str, new: Sequence[str]) -> list[str]:
    """`tags` with `new` in the place of `old`; what is there already is not doubled."""
    if old not in tags or list(new) == [old]:
        return list(tags)
    place = tags.index(old)
    before = [tag for tag in tags[:place] if tag != old]
    behind = [tag for tag in tags[place + 1 :] if tag != old]
    fresh = [tag for tag in dict.fromkeys(new) if tag not in before and tag not in behind]
    return [*before, *fresh, *behind]


def once(tags: Sequence[str], doubled: Sequence[str]) -> list[str]:
    """`tags` with each of the `doubled` ones only where it stands first, whatever the letters' case."""
    wanted = {tag.lower() for tag in doubled}
    seen: set[str] = set()
    found = []
    for tag in tags:
        if tag.lower() not in wanted or tag.lower() not in seen:
            found.append(tag)
        seen.add(tag.lower())
    return found


def move_to_front(tags: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """`tags` with those of `wanted` that are among them in front, in their order."""
    first = [tag for tag in dict.fromkeys(wanted) if tag in tags]
    return [*first, *(tag for tag in tags if tag not in first)]


def bind(tags: Sequence[str], trigger: Sequence[str], bound: Sequence[str]) -> list[str]:
    """`tags` with the trigger in front and without those that belong to what it stands for."""
    return [*trigger, *(tag for tag in tags if tag not in bound and tag not in trigger)]


def edit_of(do: str, tag: str, into: str, categories: Categories = USUAL) -> Callable[[str], str]:
    """The change of a caption's text that is asked for: `do` with `tag`, which may be several with commas, and `into`.

    `replace` takes `tag` as plain text, and `into` in its place. `bind` puts `tag` in front, in place of the tags
    `into`. `sort` sorts by what tags are about, in the order of `categories`, `tag` first. Raises UserError
    where there is nothing to do it with.
    """
    if do == "replace" and tag:
        return lambda text: text.replace(tag, into)
    tags, new = tags_of(tag), tags_of(into)
    of_tags: dict[str, tuple[bool, Edit]] = {
        "add": (bool(tags), lambda found: add(found, tags)),
        "remove": (bool(tags), lambda found: remove(found, tags)),
        "rename": (len(tags) == 1 and bool(new), lambda found: rename(found, tags[0], new)),
        "once": (bool(tags), lambda found: once(found, tags)),
        "front": (bool(tags), lambda found: move_to_front(found, tags)),
        "bind": (bool(tags), lambda found: bind(found, tags, new)),
        "sort": (True, lambda found: categories.sort(found, tags)),
    }
    can, edit = of_tags.get(do, (False, list))
    if not can:
        raise UserError(
            problem("studio_no_tag", "A tag is missing. Type the tag to change, and for renaming the new one too.")
        )
    return partial(edited, edit=edit)
