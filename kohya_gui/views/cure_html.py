"""The button that puts a value into the form which cures something; a script of the page does the putting."""

from __future__ import annotations

import json
import re

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import number_text
from train_core.facts.advice import Cure

NUMBER = re.compile(r"[\d.]+(e[+-]?\d+)?")


def cure_html(cure: Cure | None, language: str) -> Markup:
    """The button of `cure`, with words that say what it sets; nothing without a cure.

    Its `data-put` is a JSON object of the settings and their values. A text that the words leave out, such as a path,
    is its tooltip.
    """
    if cure is None:
        return Markup("")
    words = cure_words(cure, language)
    unsaid = isinstance(cure.value, str) and cure.words and cure.value not in words
    title = Markup(' title="{}"').format(cure.value) if unsaid else ""
    return Markup('<button class="cure" data-put="{}" type="button"{}>{}</button>').format(
        json.dumps({cure.setting: cure.value}, ensure_ascii=False), title, words
    )


def cure_words(cure: Cure, language: str) -> str:
    """What the button does, such as `Turn on Wildcards`."""
    label = text(f"setting.{cure.setting}.label", language)
    value = number_text(float(cure.value)) if NUMBER.fullmatch(str(cure.value)) else str(cure.value)
    if cure.words:
        return text(f"ui.cure.{cure.words}", language, label=label, value=value)
    if isinstance(cure.value, bool):
        return text("ui.cure.on" if cure.value else "ui.cure.off", language, label=label)
    if cure.value == "":
        return text("ui.cure.clear", language, label=label)
    return text("ui.cure.set", language, label=label, value=value)
