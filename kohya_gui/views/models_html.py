"""The menu of base models on this machine, under their field; assets/models.js fills it when it is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.views.markup import joined


def menu_html(language: str) -> Markup:
    """The menu as long as it is closed."""
    return Markup('<details class="models-found"><summary>{}</summary><div></div></details>').format(
        text("ui.model.found", language)
    )


def models_html(setting: str, found: Mapping[str, Sequence[tuple[Path, int]]], language: str) -> Markup:
    """The `found` models with their bytes, by the name of the place where they are; each is put into its field."""
    if not found:
        return Markup("<p>{}</p>").format(text("ui.model.none_found", language))
    return joined(
        Markup("<h4>{}</h4>{}").format(place, joined(_model(setting, path, size) for path, size in models))
        for place, models in found.items()
    )


def _model(setting: str, path: Path, size: int) -> Markup:
    return Markup('<button type="button" class="cure" data-put="{}" title="{}">{} <small>{}</small></button>').format(
        json.dumps({setting: str(path)}), str(path), path.name, bytes_text(size)
    )
