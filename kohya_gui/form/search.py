"""Finding a setting by its name, label or help in any language."""

from __future__ import annotations

from typing import Any

from kohya_gui.form.widgets import Form, to_widget
from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import dictionary, text
from kohya_gui.views.run_dialogs import value_text
from train_core.config.interop.imports.kohya_ss import names_before


def search_index(form: Form, language: str) -> dict[str, Any]:
    """Under `settings` each setting: its name, its label and section in `language`, and all `words` to find it by.

    These are in small letters. Also what its field shows for the default, and the words that say that it goes back
    there. `none` says that nothing was found, for `{words}` that were typed.
    """
    found = [
        {
            "name": s.name, "label": text(f"setting.{s.name}.label", language), "section": s.section,
            "title": text(f"section.{s.section}.title", language), "words": _words(s.name),
            "default": to_widget(s, s.default),
            "reset": text("ui.reset.one", language, value=value_text(to_widget(s, s.default), language)),
        }
        for s in form.settings
    ]  # fmt: skip
    return {"settings": found, "none": text("ui.search.none", language, words="{words}")}


def _words(name: str) -> list[str]:
    """Name, labels and older names, then the help texts: a word in the first is a better find."""
    labels = [dictionary(language).get(f"setting.{name}.label", "") for language in languages()]
    helps = [dictionary(language).get(f"setting.{name}.help", "") for language in languages()]
    return [" ".join([name, name.replace("_", " "), *labels, *names_before(name)]).lower(), " ".join(helps).lower()]
