"""Widgets of declared settings, and their values: the only place that turns a setting into a widget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

import gradio as gr
from gradio.components.base import FormComponent
from gradio.i18n import I18nData

from kohya_gui.i18n.languages import ENGLISH, languages, texts_in
from kohya_gui.i18n.messages import dictionary
from kohya_gui.i18n.value_kinds import number_text, plain_type
from train_core.config.conditions import NOTHING_KNOWN, Facts
from train_core.config.job import Job
from train_core.config.setting import Setting

LARGEST_BROWSER_INTEGER = 2**53


def key(name: str) -> I18nData:
    """A text that the browser fills in, in the language of the page."""
    return I18nData(name)


@dataclass(frozen=True)
class Form:
    """The widgets of a job's settings, in the order of their declaration."""

    settings: tuple[Setting, ...]
    widgets: dict[str, FormComponent]
    prefix: str = ""  # of the elements' ids, where there are several forms
    essential: tuple[str, ...] = ()  # stand on a card above the sections

    @property
    def inputs(self) -> list[FormComponent]:
        """All widgets, as inputs or outputs of an event."""
        return list(self.widgets.values())

    @property
    def paths(self) -> dict[Setting, Any]:
        """The widgets of paths that are typed or pasted, by their settings."""
        return {s: self.widgets[s.name] for s in self.settings if s.traits.path}

    def read(self, shown: Sequence[Any]) -> dict[str, Any]:
        """Values by setting name from what the widgets show; numbers are still as typed."""
        return dict(zip(self.widgets, shown, strict=True))

    def show(self, values: Mapping[str, Any]) -> list[Any]:
        """Value of each widget for `values`; settings missing from `values` show their default."""
        return [to_widget(s, values.get(s.name, s.default)) for s in self.settings]

    def hidden(self, values: Mapping[str, Any], facts: Facts = NOTHING_KNOWN) -> list[str]:
        """The names of the settings that do not apply with `values` and `facts`.

        One that only the base model rules out stays visible while it is used, so that it can be changed.
        """
        return [
            s.name for s in self.settings
            if not s.applies_to.holds(values)
            or (values.get(s.name) == s.default and not s.applies_to.holds(values, facts))
        ]

    def empty_sections(self, hidden: Iterable[str]) -> list[str]:
        """The sections in which nothing is left when the settings `hidden` are hidden."""
        away = {*hidden, *self.essential}
        shown = {s.section for s in self.settings if s.name not in away}
        return [section for section in dict.fromkeys(s.section for s in self.settings) if section not in shown]


def build_form(job: type[Job], prefix: str = "", essential: Sequence[str] = ()) -> Form:
    """Lay out the settings named `essential` on a card, and one section that unfolds for each section of the rest.

    `prefix` begins the ids of the elements, and is needed where a page has several forms. Their sections are all open.
    """
    declared = {s.name: s for s in job.settings()}
    widgets: dict[str, FormComponent] = {}
    if essential:
        with gr.Column(elem_id=f"{prefix}essentials", elem_classes="card"):
            widgets |= _fields([declared[name] for name in essential], prefix)
    for section in job.sections():
        rest = [s for s in declared.values() if s.section == section and s.name not in essential]
        if not rest:
            continue
        only_rare = all(s.traits.advanced for s in rest)
        with gr.Accordion(
            key(f"section.{section}.title"), open=bool(prefix), elem_id=f"{prefix}section-{section}",
            elem_classes=["section", *(["rare"] if only_rare else [])],
        ):
            widgets |= _fields(rest, prefix)
    ordered = {name: widgets[name] for name in declared}
    return Form(tuple(declared.values()), ordered, prefix, tuple(essential))


def _fields(settings: list[Setting], prefix: str) -> dict[str, FormComponent]:
    """The widgets of `settings` in a grid."""
    with gr.Column(elem_classes="fields"):
        return {s.name: widget(s, prefix) for s in settings}


def widget(s: Setting, prefix: str = "") -> FormComponent:
    """The one widget that suits the type and traits of `s`."""
    kind = plain_type(s.annotation)
    shared: dict[str, Any] = {
        "label": key(f"setting.{s.name}.label"),
        "info": key(f"setting.{s.name}.help"),
        "value": to_widget(s, s.default),
        "elem_id": f"{prefix}setting-{s.name}",
        "elem_classes": _classes(s),
        "min_width": 0,
        "interactive": True,
    }
    if kind is bool:
        return gr.Checkbox(**shared)
    if get_origin(kind) is Literal:
        return gr.Dropdown([(_choice_label(s.name, choice), choice) for choice in get_args(kind)], **shared)
    if s.traits.suggestions:
        return gr.Dropdown(list(s.traits.suggestions), allow_custom_value=True, **shared)
    if _is_spinner(s):
        return gr.Number(step=int(s.bound("multiple_of") or 1), **shared)
    # Rates such as 1e-4 stay as they were typed; number inputs of browsers would rewrite or refuse them.
    return gr.Textbox(
        lines=s.traits.lines, max_lines=max(1, s.traits.lines * 3 if s.traits.lines > 1 else 1), **shared,
        html_attributes=gr.InputHTMLAttributes(spellcheck=False, autocomplete="off", autocapitalize="off"),
    )


def _choice_label(name: str, choice: Any) -> Any:
    """What a choice is called: in the page's language where it has words of its own there, else as in files."""
    its = f"choice.{name}.{choice}"
    return key(its) if its in dictionary(ENGLISH) else str(choice)


@cache
def _choices_by_label() -> dict[tuple[str, str], str]:
    """Choices by their setting and by what they are called, in any language."""
    words = [texts_in(tag) for tag in languages()]
    found = ((name.split(".", 2), label) for texts in words for name, label in texts.items())
    return {(parts[1], label): parts[2] for parts, label in found if parts[0] == "choice"}


def as_chosen(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a form as a browser shows them, with choices by their own names instead of what they are called."""
    known = _choices_by_label()
    return {
        name: known.get((name, value), value) if isinstance(value, str) else value for name, value in sent.items()
    }


def _is_spinner(s: Setting) -> bool:
    """Whether `s` is always a whole number that fits into what a browser counts with; gradio shows no number as 0."""
    return s.annotation is int and (s.bound("le") or 0) < LARGEST_BROWSER_INTEGER


def _classes(s: Setting) -> list[str]:
    """CSS classes of a field: its width, whether paths are offered, and whether it is rarely needed."""
    wide = s.traits.path is not None or s.traits.lines > 1
    marks = {"wide": wide, "path": s.traits.path is not None, "rare": s.traits.advanced}
    return ["field", *(name for name, holds in marks.items() if holds)]


def to_widget(s: Setting, value: Any) -> Any:
    """Value of the widget of `s` for `value`."""
    kind = plain_type(s.annotation)
    if get_origin(kind) is Literal:
        return value if value in get_args(kind) else s.default
    if kind is bool or s.traits.suggestions:
        return value
    if value is None:
        return ""
    if _is_spinner(s):
        return value if isinstance(value, int | float) else None
    if isinstance(value, float):
        return number_text(value)
    return "\n".join(value) if isinstance(value, list | tuple) else str(value)
