"""HTML in which every value is escaped: markupsafe's `Markup` is safe text, everything else is not."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import replace

from markupsafe import Markup

from kohya_gui.i18n.messages import dictionary, say, translate
from train_core.config.phrases import JOINTS, Phrase
from train_core.config.problems import Problem

LONG_LIST = 4  # items that a message shows at once; more are folded away


def joined(parts: Iterable[Markup | str]) -> Markup:
    """All of `parts` one after the other; those that are plain text are escaped."""
    return Markup("").join(parts)


def checksum(text: str) -> int:
    """By which a browser says what it has already."""
    return zlib.crc32(text.encode(errors="replace"))


def message(found: Problem, language: str) -> Markup:
    """The message of `found` in `language`, with its line breaks; a long list in it is one line that unfolds."""
    name, items = _long_list(found)
    if not items:
        return _lines(translate(found, language))
    listed = found.params[name]
    short = replace(found, text=found.text.replace(str(listed), "…"), params={**found.params, name: "…"})
    return Markup("<details><summary>{}</summary><ul>{}</ul></details>").format(
        _lines(translate(short, language)),
        joined(Markup("<li>{}</li>").format(say(item, language)) for item in items),
    )


def led_by_label(found: Problem, language: str) -> Markup:
    """The message of `found`, led by the label of the setting that it names, if it names one."""
    label = dictionary(language).get(f"setting.{found.params.get('name')}.label")
    words = message(found, language)
    return words if label is None else Markup("<b>{}</b> {}").format(label, words)


def _lines(text: str) -> Markup:
    return Markup("<br>").join(text.split("\n"))


def _long_list(found: Problem) -> tuple[str, list[object]]:
    """Name and items of a parameter that is a list too long to be read at once; none where there is none."""
    for name, value in found.params.items():
        items = value.params.get("items") if isinstance(value, Phrase) and value.code in JOINTS else None
        if isinstance(items, list) and len(items) > LONG_LIST:
            return name, items
    return "", []
