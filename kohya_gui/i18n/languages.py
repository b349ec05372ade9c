"""The languages there are: one JSON file each in `locales/`, named by its tag (`zh-CN`). Standard library only."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).parents[1] / "locales"
ENGLISH = "en"


@cache
def languages() -> dict[str, str]:
    """Each language's own name, by its tag; English first."""
    tags = sorted((path.stem for path in LOCALES.glob("*.json")), key=lambda tag: (tag != ENGLISH, tag))
    return {tag: texts_in(tag)["language"] for tag in tags}


def texts_in(tag: str) -> dict[str, str]:
    """The texts of the language `tag` by their keys, as its file has them."""
    texts: dict[str, str] = json.loads((LOCALES / f"{tag}.json").read_text(encoding="utf-8"))
    return texts


def nearest_language(asked: str) -> str:
    """The language served for `zh`, `zh-Hans-CN` or `de`: the same, a close relative, or English.

    The page's script goes by the same rule, see `language.EARLY_SCRIPT`.
    """
    return language_for(asked) or ENGLISH


def language_for(asked: str) -> str | None:
    """The language of that tag, or the first close relative; None if there is neither."""
    wanted = asked.strip().lower()
    main = wanted.partition("-")[0]
    tags = list(languages())
    same = next((tag for tag in tags if tag.lower() == wanted), None)
    return same or next((tag for tag in tags if tag.lower().partition("-")[0] == main), None)
