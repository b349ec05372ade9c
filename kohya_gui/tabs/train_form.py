"""The form of the Train tab at work: drafts, presets, targets, and what is said about the values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from kohya_gui.form import presets
from kohya_gui.form.drafts import load_draft, save_draft
from kohya_gui.form.form_facts import facts_html, offers, read_offer
from kohya_gui.form.validate_form import Understood, understand
from kohya_gui.form.widgets import Form
from kohya_gui.tabs.train_parts import Target, Toolbar
from kohya_gui.tabs.visitor import Visitor
from train_core.config.problems import UserError, raise_if_any
from train_core.facts.models import hub

Updates = dict[Any, Any]
MODEL = "pretrained_model_name_or_path"


@dataclass(frozen=True)
class FormDesk:
    """The form with what stands around it. Handlers return updates by widget; `shown` is what the fields show."""

    form: Form
    bar: Toolbar
    facts: gr.HTML
    target: Target
    language: str
    config_path: Path | None
    _greeted: set[str] = field(default_factory=set)

    def visitor(self, request: gr.Request) -> Visitor:
        """Who sent `request`."""
        return Visitor.of(request, self.language)

    def opened(self, request: gr.Request) -> Updates:
        """The form as it was left; before that the file from the command line, else the demo."""
        visitor = self.visitor(request)
        if self.config_path is not None and visitor.user not in self._greeted:
            self._greeted.add(visitor.user)
            loaded = self._loaded(lambda: presets.read_settings(self.config_path or Path()), None, visitor)
            if loaded:
                return loaded
        draft = load_draft(visitor.user)
        if draft:
            return self.filled(draft.get("values", {}), draft.get("preset"), visitor)
        if presets.DEMO in presets.list_presets():
            return self._loaded(lambda: presets.load_preset(presets.DEMO), presets.DEMO, visitor)
        return self.filled(presets.defaults(), None, visitor)

    def typed(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Keep the draft and look again at what the form means."""
        visitor, values = self.visitor(request), self.form.read(shown)
        asked = load_draft(visitor.user).get("asked_model")
        found = understood(values, visitor)
        if asked and _is_found(found):
            hub.remember(asked, Path(found.config.model.pretrained_model_name_or_path))
            visitor.tell("ui.model.remembered", id=asked)
            asked = None
        self._keep(visitor, preset, values, asked)
        return {self.facts: facts_html(self.form, values, found, visitor.language)}

    def load_preset(self, request: gr.Request, preset: str | None) -> Updates:
        """Fill the form from the chosen preset."""
        return self._loaded(lambda: presets.load_preset(preset or ""), preset, self.visitor(request))

    def save_preset(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Write the form over the chosen preset, if it is the user's own."""
        return self._saved(lambda found: presets.save_preset(preset or "", found.config), shown, request)

    def save_preset_as(self, request: gr.Request, name: str, *shown: Any) -> Updates:
        """Write the form as a new preset, and ask for no name any more once that has worked."""
        updates = self._saved(lambda found: presets.save_preset_as(name or "", found.config), shown, request)
        if self.bar.preset in updates:
            updates |= {self.bar.name_row: gr.update(visible=False), self.bar.name: ""}
        return updates

    def offer(self, request: gr.Request, typed: str, *shown: Any) -> Updates:
        """Ways to reach a typed number of steps."""
        visitor = self.visitor(request)
        steps = int("".join(re.findall(r"\d", typed or ""))[:9] or 0)
        found = offers(understood(self.form.read(shown), visitor), steps, visitor.language)
        return {
            self.target.offers: gr.update(choices=found, value=found[0][1] if found else None, visible=bool(found)),
            self.target.apply: gr.update(visible=bool(found)),
        }

    def apply_offer(self, request: gr.Request, offer: str | None, preset: str | None, *shown: Any) -> Updates:
        """Set the epochs of an offer; repeats stand in folder names, so those are asked of the user."""
        visitor, values = self.visitor(request), self.form.read(shown)
        if not offer:
            return {}
        epochs, renames = read_offer(offer, understood(values, visitor))
        for now, then in renames:
            visitor.tell("ui.target.rename", now=now, then=then)
        return self.filled({**values, "max_train_epochs": epochs, "max_train_steps": 0}, preset, visitor)

    def facts_of(self, values: Mapping[str, Any], visitor: Visitor) -> Updates:
        """The step line, the problems and the rest around the form."""
        return {self.facts: facts_html(self.form, values, understood(values, visitor), visitor.language)}

    def writable(self, shown: Sequence[Any], visitor: Visitor) -> Understood:
        """The settings when each can be read, however incomplete; raises `UserError` when one cannot."""
        found = understood(self.form.read(shown), visitor)
        raise_if_any(found.unreadable)
        return found

    def _keep(self, visitor: Visitor, preset: str | None, values: Mapping[str, Any], asked: str | None) -> None:
        """Write the draft. `asked` is the hub id whose file the user has been asked for."""
        model = str(values.get(MODEL) or "")
        if hub.is_hub_id(model) and hub.local_file_for(model) is None:
            asked = model
        save_draft(visitor.user, {"preset": preset, "values": dict(values), "asked_model": asked})

    def filled(self, values: Mapping[str, Any], preset: str | None, visitor: Visitor) -> Updates:
        """Updates that put `values` into the form and keep them as the draft."""
        shown = self.form.show(values)
        self._keep(visitor, preset, self.form.read(shown), None)
        fields = dict(zip(self.form.inputs, shown, strict=True))
        return {self.bar.preset: _choices(preset, visitor), **self.facts_of(self.form.read(shown), visitor), **fields}

    def _loaded(self, read: Callable[[], Any], preset: str | None, visitor: Visitor) -> Updates:
        """The form filled by `read`, or a message why it cannot be."""
        try:
            values, remarks = read()
        except UserError as error:
            visitor.warn(error)
            return {}
        for remark in remarks:
            visitor.warn(remark)
        return self.filled(values, preset, visitor)

    def _saved(self, write: Callable[[Understood], str], shown: Sequence[Any], request: gr.Request) -> Updates:
        """The presets after `write`, or a message why nothing was written."""
        visitor, values = self.visitor(request), self.form.read(shown)
        try:
            preset = write(self.writable(shown, visitor))
        except UserError as error:
            visitor.warn(error)
            return self.facts_of(values, visitor)
        visitor.tell("ui.preset.saved", name=presets.name_of(preset))
        self._keep(visitor, preset, values, None)
        return {self.bar.preset: _choices(preset, visitor)}


def understood(values: Mapping[str, Any], visitor: Visitor) -> Understood:
    """What the form's `values` mean."""
    return understand(values, visitor.text("ui.the_form"))


def _is_found(found: Understood) -> bool:
    """Whether the model field names a file or folder here that holds a base model."""
    model = found.config.model.pretrained_model_name_or_path
    return bool(model) and Path(model).exists() and not any(p.code.startswith("model_") for p in found.errors)


def _choices(chosen: str | None, visitor: Visitor) -> Any:
    """The list of presets, the user's own marked as such."""
    known = presets.list_presets()
    kinds = {True: "ui.preset.program", False: "ui.preset.user"}
    named = [(visitor.text(kinds[presets.is_program_preset(k)], name=presets.name_of(k)), k) for k in known]
    return gr.update(choices=named, value=chosen if chosen in known else None)
