"""The button that puts a value into the form which cures something; a script of the page does the putting."""

from __future__ import annotations

import json

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import number_text
from train_core.facts.advice import Cure


def cure_html(cure: Cure | None, language: str) -> Markup:
    """The button of `cure`, with words that say what it sets; nothing without a cure.

    Its `data-put` is a JSON object of the settings and their values.
    """
    if cure is None:
        return Markup("")
    return Markup('<button class="cure" data-put="{}" type="button">{}</button>').format(
        json.dumps({cure.setting: cure.value}, ensure_ascii=False), cure_words(cure, language)
    )


def cure_words(cure: Cure, language: str) -> str:
    """What the button does, such as `Turn on Wildcards`."""
    label = text(f"setting.{cure.setting}.label", language)
    if isinstance(cure.value, bool):
        return text("ui.cure.on" if cure.value else "ui.cure.off", language, label=label)
    if cure.value == "":
        return text("ui.cure.clear", language, label=label)
    value = cure.value if isinstance(cure.value, str) else number_text(cure.value)
    return text("ui.cure.set", language, label=label, value=value)
