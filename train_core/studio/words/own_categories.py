"""Somebody's own order of categories and the tags that were put into others, kept in the home for all datasets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_core.config.places import home
from train_core.config.problems import UserError, cause_of
from train_core.config.untrusted import NotReadable, json_of, text_of
from train_core.config.whole_files import write_text
from train_core.facts.run.writable import not_written
from train_core.studio.words.categories import CATEGORIES, Categories, plain

FILE = "tag_categories.json"
MOST_TAGS, LONGEST = 5000, 200


@dataclass(frozen=True)
class OwnCategories:
    """An order of all categories, and the category of tags that are not where the program puts them."""

    order: tuple[str, ...] = CATEGORIES
    tags: Mapping[str, str] = field(default_factory=dict)

    def categories(self, type_of: Callable[[str], int | None] = lambda _: None) -> Categories:
        """The categories that follow, with what a site's list says of tags."""
        return Categories(self.order, self.tags, type_of)


def own_categories() -> OwnCategories:
    """What was chosen; the usual ones where nothing was, or it cannot be read."""
    try:
        return of(json_of(text_of(_file())))
    except (OSError, NotReadable, UnicodeDecodeError):
        return OwnCategories()


def keep(own: OwnCategories) -> None:
    """Keep what was chosen. Raises UserError where it cannot be written."""
    said = {"order": own.order, "tags": own.tags}
    try:
        write_text(_file(), json.dumps(said, ensure_ascii=False, indent=1) + "\n")
    except OSError as error:
        raise UserError(not_written(_file(), cause_of(error))) from error


def of(given: Any) -> OwnCategories:
    """The categories in whatever a page or a file says: every category once, those that are missing at the end."""
    said = given if isinstance(given, dict) else {}
    order, tags = said.get("order"), said.get("tags")
    named = [one for one in order if one in CATEGORIES] if isinstance(order, list) else []
    kept = {
        name: category for tag, category in (tags.items() if isinstance(tags, dict) else ())
        if (name := plain(tag)) and len(name) <= LONGEST and name.isprintable() and category in CATEGORIES
    }  # fmt: skip
    return OwnCategories(tuple(dict.fromkeys([*named, *CATEGORIES])), dict(list(kept.items())[:MOST_TAGS]))


def _file() -> Path:
    return home() / FILE
