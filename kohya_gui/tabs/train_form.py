"""The Train tab's form in use: presets, target steps, and messages about the values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from kohya_gui.form import presets
from kohya_gui.form.controller import FormController, Updates
from kohya_gui.form.form_facts import facts_html, offers, read_offer
from kohya_gui.form.session import Session
from kohya_gui.form.validate_form import CheckedForm, check_form
from kohya_gui.tabs.train_parts import Target, Toolbar
from train_core.config.clean_paths import clean_path
from train_core.config.existing import exists
from train_core.config.problems import Problem, UserError, cause_of, raise_if_any
from train_core.facts.models import hub
from train_core.facts.run.writable import not_written

MODEL = "pretrained_model_name_or_path"


@dataclass(frozen=True, kw_only=True)
class TrainForm(FormController):
    """The training's form, with the presets above it and the target steps beside it."""

    bar: Toolbar
    target: Target
    config_path: Path | None
    _greeted: set[str] = field(default_factory=set)

    @property
    def filled(self) -> list[Any]:
        return [self.bar.preset, *super().filled]

    def facts_html(self, values: Mapping[str, Any], session: Session, problems: Sequence[Problem] = ()) -> str:
        return facts_html(self.fields, values, self.check(values, session), session.language)

    def check(self, values: Mapping[str, Any], session: Session) -> CheckedForm:
        """The form's `values` as settings, and everything that is wrong or odd about them."""
        return check_form(values, session.text("ui.the_form"))

    def opened(self, request: gr.Request) -> Updates:
        """The form as it was left; before that the file from the command line, else the demo."""
        session, file = self.session(request), self.config_path
        if file is not None and session.user not in self._greeted:
            self._greeted.add(session.user)
            loaded = self._loaded(lambda: presets.read_settings(file), None, session)
            if loaded is not None:
                return loaded
        draft = self.load_draft(session)
        if draft:
            return self.show(draft.get("values", {}), draft.get("preset"), session)
        if presets.DEMO in presets.list_presets():
            return self._loaded(lambda: presets.load_preset(presets.DEMO), presets.DEMO, session) or gr.skip()
        return self.show(presets.defaults(), None, session)

    def typed(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Keep the draft and look again at what the form means."""
        session, values = self.session(request), self.fields.read(shown)
        asked = self.load_draft(session).get("asked_model")
        found = self.check(values, session)
        if asked and _is_found(found):
            try:
                hub.remember(asked, Path(found.config.model.pretrained_model_name_or_path))
                session.tell("ui.model.remembered", id=asked)
            except OSError as error:
                session.warn(not_written(hub.table_path(), cause_of(error)))
            asked = None
        self._keep(session, preset, values, asked)
        return {self.facts: facts_html(self.fields, values, found, session.language)}

    def load_preset(self, request: gr.Request, preset: str | None) -> Updates:
        """Fill the form from the chosen preset."""
        session = self.session(request)
        return self._loaded(lambda: presets.load_preset(presets.chosen(preset)), preset, session) or gr.skip()

    def save_preset(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Write the form over the chosen preset, if it is the user's own."""
        return self._saved(lambda found: presets.save_preset(presets.chosen(preset), found.config), shown, request)

    def save_preset_as(self, request: gr.Request, name: str, *shown: Any) -> Updates:
        """Write the form as a new preset, and close the name field once that has worked."""
        updates = self._saved(lambda found: presets.save_preset_as(name or "", found.config), shown, request)
        if self.bar.preset in updates:
            updates |= {self.bar.name_row: gr.update(visible=False), self.bar.name: ""}
        return updates

    def offer(self, request: gr.Request, typed: str, *shown: Any) -> Updates:
        """Ways to reach a typed number of steps."""
        session = self.session(request)
        steps = int("".join(re.findall(r"\d", typed or ""))[:9] or 0)
        found = offers(self.check(self.fields.read(shown), session), steps, session.language)
        return {
            self.target.offers: gr.update(choices=found, value=found[0][1] if found else None, visible=bool(found)),
            self.target.apply: gr.update(visible=bool(found)),
        }

    def apply_offer(self, request: gr.Request, offer: str | None, preset: str | None, *shown: Any) -> Updates:
        """Set the epochs of an offer; repeats are part of folder names, so the user is asked to change those."""
        session, values = self.session(request), self.fields.read(shown)
        if not offer:
            return gr.skip()
        epochs, renames = read_offer(offer, self.check(values, session))
        for now, then in renames:
            session.tell("ui.target.rename", now=now, then=then)
        return self.show({**values, "max_train_epochs": epochs, "max_train_steps": 0}, preset, session)

    def writable(self, values: Mapping[str, Any], session: Session) -> CheckedForm:
        """The settings if each can be read, however incomplete; raises `UserError` if one cannot."""
        found = self.check(values, session)
        raise_if_any(found.unreadable)
        return found

    def show(self, values: Mapping[str, Any], preset: str | None, session: Session) -> Updates:
        """Put `values`, which came from `preset`, into the form and keep them as the draft."""
        self._keep(session, preset, self.fields.read(self.fields.show(values)), None)
        return {self.bar.preset: _choices(preset, session), **self.fill(values, session)}

    def _keep(self, session: Session, preset: str | None, values: Mapping[str, Any], asked: str | None) -> None:
        """Keep the draft. `asked` is the hub id whose file the user has been asked for."""
        model = clean_path(str(values.get(MODEL) or ""))
        if hub.is_hub_id(model) and hub.local_file_for(model) is None:
            asked = model
        self.keep_draft(session, {"preset": preset, "values": dict(values), "asked_model": asked})

    def _loaded(
        self, read: Callable[[], tuple[Mapping[str, Any], Sequence[Problem]]], preset: str | None, session: Session
    ) -> Updates | None:
        """The form filled by `read`; None, and a message why, where it cannot be."""
        try:
            values, remarks = read()
        except UserError as error:
            session.warn(error)
            return None
        for remark in remarks:
            session.warn(remark)
        return self.show(values, preset, session)

    def _saved(self, write: Callable[[CheckedForm], str], shown: Sequence[Any], request: gr.Request) -> Updates:
        """The presets after `write`, or a message why nothing was written."""
        session, values = self.session(request), self.fields.read(shown)
        try:
            preset = write(self.writable(values, session))
        except UserError as error:
            return self.refuse(error, values, session)
        session.tell("ui.preset.saved", name=presets.name_of(preset))
        self._keep(session, preset, values, None)
        return {self.bar.preset: _choices(preset, session)}


def _is_found(found: CheckedForm) -> bool:
    """Whether the model field names a file or folder here that holds a base model."""
    model = found.config.model.pretrained_model_name_or_path
    return bool(model) and exists(Path(model)) and not any(p.code.startswith("model_") for p in found.errors)


def _choices(chosen: str | None, session: Session) -> Any:
    """The list of presets, the user's own marked as such."""
    known = presets.list_presets()
    kinds = {True: "ui.preset.program", False: "ui.preset.user"}
    named = [(session.text(kinds[presets.is_program_preset(k)], name=presets.name_of(k)), k) for k in known]
    return gr.update(choices=named, value=chosen if chosen in known else None)
