"""What a folded section holds, in one line, so that nobody has to open it to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kohya_gui.form.widgets import Form
from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import number_text

# The settings by which people know a section. They are shown as their values alone, without labels.
KNOWN_BY = {
    "network": ("LoRA_type", "network_dim", "network_alpha"),
    "hypernetwork": ("layer_structure", "activation_func"),
    "optimizer": ("optimizer_type", "learning_rate", "lr_scheduler"),
    "training": ("mixed_precision", "seed"),
    "captions": ("caption_extension",),
}
MOST, LONGEST = 4, 24  # items, and letters of one


def summaries(
    form: Form, values: Mapping[str, Any], changed: Iterable[str], hidden: Iterable[str], language: str
) -> dict[str, str]:
    """One line for each section: what it is known by, then what else differs from the default."""
    away, differing = {*hidden, *form.essential}, set(changed)
    lines = {}
    for section in dict.fromkeys(s.section for s in form.settings):
        known = [name for name in KNOWN_BY.get(section, ()) if name not in away and _said(values.get(name))]
        others = [s.name for s in form.settings if s.section == section and s.name in differing and s.name not in away]
        items = [_short(values[name]) for name in known]
        items += [_with_label(name, values.get(name), language) for name in others if name not in known]
        if items:
            lines[section] = " · ".join(items[:MOST]) + (" …" if len(items) > MOST else "")
    return lines


def _said(value: Any) -> bool:
    return value is not None and value != ""


def _short(value: Any) -> str:
    words = number_text(value) if isinstance(value, float) else str(value).replace("\n", " ")
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _with_label(name: str, value: Any, language: str) -> str:
    label = text(f"setting.{name}.label", language)
    if value is True:
        return label
    if value is False:
        return text("ui.summary.off", language, label=label)
    return f"{label} {_short(value)}" if _said(value) else label
