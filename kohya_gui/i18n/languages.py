"""The languages there are: one JSON file each in `locales/`, named by its tag (`zh-CN`). Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).parents[1] / "locales"
ENGLISH = "en"
FIRST = (ENGLISH, "zh-CN", "zh-TW", "ja")  # the order in which they are offered; others follow
# Chinese is written in two scripts, and a tag often names only the place.
TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})


@cache
def languages() -> dict[str, str]:
    """Each language's own name, by its tag; English first."""
    tags = sorted(path.stem for path in LOCALES.glob("*.json"))
    tags.sort(key=lambda tag: FIRST.index(tag) if tag in FIRST else len(FIRST))
    return {tag: texts_in(tag)["language"] for tag in tags}


def texts_in(tag: str) -> dict[str, str]:
    """The texts of the language `tag` by their keys, as its file has them."""
    texts: dict[str, str] = json.loads((LOCALES / f"{tag}.json").read_text(encoding="utf-8"))
    return texts


def nearest_language(asked: str) -> str:
    """The language served for `zh`, `zh-Hans-CN` or `de`: the same, a close relative, or English."""
    return language_for(asked) or ENGLISH


def language_for(asked: str) -> str | None:
    """The language of a tag such as `zh-HK` or of a locale such as `zh_TW.UTF-8`; None if there is no close relative.

    Relatives are preferred that are written in the same script.
    """
    wanted = asked.partition(".")[0].partition("@")[0].strip().lower().replace("_", "-")
    tags = list(languages())
    near = (
        [tag for tag in tags if tag.lower() == wanted]
        + [tag for tag in tags if _written(tag) == _written(wanted)]
        + [tag for tag in tags if _written(tag)[0] == _written(wanted)[0]]
    )
    return near[0] if near else None


def _written(tag: str) -> tuple[str, str]:
    """The language of a tag, and the script where it has several."""
    main, *rest = tag.lower().split("-")
    if main != "zh":
        return main, ""
    return main, "hans" if "hans" in rest or TRADITIONAL.isdisjoint(rest) else "hant"


def terminal_language(environment: Mapping[str, str]) -> str:
    """The language that the variables of a terminal ask for, by the rule of POSIX."""
    asked = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return nearest_language(next((value for value in asked if value), ""))
