"""What a chosen model is, as a line under its field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from markupsafe import Markup

from kohya_gui.i18n.messages import say, text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.views.markup import joined
from train_core.facts.models.about import About


def model_html(model: About | None, address: Callable[[Path], str], language: str) -> Markup:
    """Picture, kind, number format, size and hash of `model`; `address` gives that of a picture."""
    if model is None:
        return Markup("")
    picture = Markup('<img src="{}" alt="">').format(address(model.picture)) if model.picture else Markup("")
    said = [
        say(model.kind, language) or text("ui.model.unknown", language),
        text("ui.model.velocity", language) if model.prediction == "v_prediction" else "",
        model.format, bytes_text(model.bytes) if model.bytes else "", model.hash,
    ]  # fmt: skip
    words = joined(Markup("<span>{}</span>").format(one) for one in said if one)
    return Markup('<div class="model-about">{}{}</div>').format(picture, words)
