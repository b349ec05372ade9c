"""The Train tab's form in use: presets, and what is said of the values while they are typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

import gradio as gr
from markupsafe import Markup

from kohya_gui.form import presets
from kohya_gui.form.asked import asked_html
from kohya_gui.form.block_rows import block_rows
from kohya_gui.form.controller import FormController, Updates, stamp
from kohya_gui.form.form_facts import (
    KINDS_OF_MODELS,
    counts_html,
    field_messages,
    offers_html,
    settings_in,
    step_line_html,
)
from kohya_gui.form.live import Answer, read_json, readable
from kohya_gui.form.opening import Dropped, Opened, open_dropped
from kohya_gui.form.own_choices import WHAT, kept_over, unsaid
from kohya_gui.form.session import Session
from kohya_gui.form.summaries import summaries
from kohya_gui.form.validate_form import CheckedForm, check_form
from kohya_gui.i18n.messages import say, text
from kohya_gui.plan.plan import plan_of
from kohya_gui.plan.plan_html import notes_card, plan_html
from kohya_gui.plan.try_html import other_try_html, try_html
from kohya_gui.preferences import preferences
from kohya_gui.tabs.train_parts import Toolbar
from kohya_gui.tabs.train_try import Tries
from kohya_gui.views.model_html import model_html
from kohya_gui.views.models_html import menu_html
from kohya_gui.views.presets_html import about_html
from kohya_gui.views.sources_html import sources_html
from kohya_gui.views.thumbnail import thumbnail_address
from train_core.config.clean_paths import clean_path
from train_core.config.existing import exists
from train_core.config.interop.kept import Kept, kept_in
from train_core.config.problems import UserError, cause_of, raise_if_any
from train_core.config.setting import Setting
from train_core.facts.models import hub
from train_core.facts.models.about import about
from train_core.facts.prompts.prompt_lines import PromptDefaults
from train_core.facts.run.costs import work_digest
from train_core.facts.run.writable import not_written

MODEL = "pretrained_model_name_or_path"
OUTPUT = "output_dir"
PROMPTS = "sample_prompts"
PRESET = "@preset"  # beside the settings: the preset that was loaded, or that is to be
IF_TAGS_MOVE = "when_tags_move"  # values that count only if one of the settings moves or drops tags
MOVING_TAGS = ("shuffle_caption", "caption_tag_dropout_rate", "token_warmup_step")
OPENED = "@opened"  # the values come from a file, and so from no preset


@dataclass(frozen=True, kw_only=True)
class TrainForm(FormController):
    """The training's form, with the presets above it."""

    bar: Toolbar
    config_path: Path | None
    tries: Tries = field(default_factory=Tries)
    _greeted: set[str] = field(default_factory=set)
    _opening: Lock = field(default_factory=Lock)

    @property
    def filled(self) -> list[Any]:
        return [self.bar.preset, *super().filled]

    def answer(self, values: Mapping[str, Any], session: Session, more: Mapping[str, str]) -> Answer:
        found, language = self.check(values, session), session.language
        draft, shown = self.load_draft(session), self.complete(values)
        self._remember_model(found, draft, session)
        plan = plan_of(found)
        config = found.config.flat()
        hidden = self.fields.hidden(config, found.facts)
        changed = [name for name, value in self.complete({}).items() if shown[name] != value]
        return Answer(
            parts={
                "step-line": step_line_html(found, language),
                "counts": counts_html(found, language),
                "problems": notes_card(plan, language),
                "tried": self._tried(found, session),
                "plan": plan_html(plan, language, thumbnail_address),
                "folders": sources_html(found.trained, found.config.training.train_batch_size, language),
                "offers": offers_html(found, more.get("target", ""), language),
                "preset-state": self._preset_state(shown, draft, session),
                "preset-about": about_html(presets.about_key(draft.get("preset")), language),
            },
            hidden={s.name: _reason(s, config, found, language) for s in self.fields.settings if s.name in hidden},
            away=tuple(self.fields.empty_sections(hidden)),
            messages=field_messages(found, language),
            notes=self._notes(values, config, language),
            wrong=tuple(settings_in(found.errors)),
            changed=tuple(changed),
            summaries=summaries(self.fields, shown, changed, hidden, language),
            blocks=block_rows(found.config, found.facts, language),
        )

    def _notes(self, values: Mapping[str, Any], config: Mapping[str, Any], language: str) -> dict[str, str]:
        """What each chosen model is, where the page may show that; the base model's field also has a menu of others.

        Also where a relative output folder is, and what sample prompts ask in which steps: `values` are as typed,
        `config` has whole paths.
        """
        notes = {name: _about(self._model_at(config[name]), language) for name in KINDS_OF_MODELS}
        notes[MODEL] += menu_html(language)
        notes[OUTPUT] = self._begins_at(str(values.get(OUTPUT) or ""), config[OUTPUT], language)
        drawn = PromptDefaults.at(config["resolution"], config["sample_sampler"], config["sample_spacing"])
        notes[PROMPTS] = asked_html(config[PROMPTS], drawn, language, bool(config["sample_folders"]))
        return {name: note for name, note in notes.items() if note}

    def _begins_at(self, typed: str, folder: str, language: str) -> Markup:
        """Where the `folder` is whose relative path is `typed`; "" for other paths and where the page may not look."""
        relative = clean_path(typed)
        if relative in ("", folder) or relative.startswith(("~", "{app}")) or Path(relative).is_absolute():
            return Markup("")
        if self.reach.find(folder) is None:
            return Markup("")
        return Markup('<span class="path-begins">{}</span>').format(text("ui.path.relative", language, folder=folder))

    def _model_at(self, typed: str) -> Path | None:
        """The file or folder that is meant by `typed`, a path or a hub id; None if the page may not show it."""
        try:
            return self.reach.find(str(hub.resolve(typed))) if typed else None
        except UserError:  # a hub id without a file, which is asked for
            return None

    def _tried(self, checked: CheckedForm, session: Session) -> Markup:
        """What the last try found, as far as it says something of the form as it is."""
        found = self.tries.found.get(session.user)
        if found is None:
            return Markup("")
        if found.work != work_digest(checked.config):
            return other_try_html(found, session.language)
        steps = checked.count.total if checked.count else None
        return try_html(found, session.language, whole=steps == found.total_steps)

    def _preset_state(self, shown: Mapping[str, Any], draft: Mapping[str, Any], session: Session) -> Markup:
        """How many settings differ from the preset that was loaded."""
        chosen = draft.get("preset")
        try:
            count = len(self.differing(shown, chosen)) if chosen else 0
        except UserError:  # it is gone; loading it says so
            count = 0
        return Markup('<button type="button" class="pill" data-preset="{}">{}</button>').format(
            chosen, text("ui.preset.changes", session.language, count=count)
        ) if count else Markup("")  # fmt: skip

    def differing(self, shown: Mapping[str, Any], preset: str) -> dict[str, Any]:
        """What the settings that differ from `preset` are there, by name. Raises `UserError` if it cannot be read.

        Where the preset says nothing of what is trained, nothing of that differs.
        """
        read = presets.load_preset(preset)
        there, left_open = self.complete(read.values), unsaid(read.named)
        return {name: there[name] for name in shown if shown[name] != there[name] and name not in left_open}

    def preset_moved(self, key: str, to: str | None, session: Session) -> None:
        """Note that the preset `key` is now called `to`; None where it is gone."""
        draft = self.load_draft(session)
        if draft.get("preset") == key:
            self.keep_draft(session, {**draft, "preset": to})

    def _remember_model(self, found: CheckedForm, draft: Mapping[str, Any], session: Session) -> None:
        """Take the model in the form for the hub id that was asked for, once it is one."""
        asked = draft.get("asked_model")
        if not asked or not _is_found(found):
            return
        self.keep_draft(session, {**draft, "asked_model": None})
        try:
            hub.remember(asked, Path(found.config.model.pretrained_model_name_or_path))
            session.tell("ui.model.remembered", id=asked)
        except OSError as error:
            session.warn(not_written(hub.table_path(), cause_of(error)))

    def check(self, values: Mapping[str, Any], session: Session) -> CheckedForm:
        """The form's `values` as settings, and everything that is wrong or odd about them."""
        return check_form(values, session.text("ui.the_form"))

    def opened(self, request: gr.Request) -> Updates:
        """The form as it was left; before that the file from the command line, else the demo."""
        with self._opening:  # by gradio, and by the page's script, which does not wait for it
            return self._open(self.session(request))

    def look(self, sent: Mapping[str, Any] | None, session: Session, more: Mapping[str, str]) -> Answer:
        if sent is None:
            with self._opening:
                self._open(session)
        return super().look(sent, session, more)

    def _open(self, session: Session) -> Updates:
        file = self.config_path
        if file is not None and session.user not in self._greeted:
            self._greeted.add(session.user)
            loaded = self._loaded(lambda: presets.read_settings(file), None, session)
            if loaded is not None:
                return loaded
        draft, start = self.load_draft(session), preferences().start_preset
        if start and session.user not in self._greeted:
            self._greeted.add(session.user)
            left = self.complete(draft.get("values", {}))
            if draft:
                self.note(session, left)  # so that it can be undone
            loaded = self._loaded(lambda: self._over(start, left, session), start, session)
            if loaded is not None:
                return loaded
        if draft:
            return self.show(draft.get("values", {}), draft.get("preset"), session, kept=draft.get("kept"))
        demo = presets.DEMO if presets.DEMO in presets.list_presets() else None
        loaded = self._loaded(lambda: presets.load_preset(presets.DEMO), demo, session) if demo else None
        return loaded or self.show(presets.defaults(), None, session)

    def beside(self, session: Session) -> Mapping[str, Any]:
        return {PRESET: self.load_draft(session).get("preset")}

    def _to(self, values: Mapping[str, Any] | None, request: gr.Request, shown: Sequence[Any]) -> Updates:
        if values is None:
            return gr.skip()
        session, preset = self.session(request), values.get(PRESET)
        settings = {name: value for name, value in values.items() if name != PRESET}
        self.keep_draft(session, {**self.load_draft(session), "preset": preset})
        return {self.bar.preset: _choices(preset, session), **super()._to(settings, request, shown)}

    def drafted(self, session: Session) -> Mapping[str, Any]:
        return self.load_draft(session).get("values", {})

    def keep(self, session: Session, values: Mapping[str, Any]) -> None:
        draft = self.load_draft(session)
        self._keep(session, draft.get("preset"), values, draft.get("asked_model"), draft.get("kept"))

    def load_preset(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Fill the form from the chosen preset; what it leaves open of what is trained stays as it is."""
        session, before = self.session(request), self.fields.read(shown)
        return self._loaded(lambda: self._over(presets.chosen(preset), before, session), preset, session, before) or (
            gr.skip()
        )

    def _over(self, preset: str, shown: Mapping[str, Any], session: Session) -> presets.Preset:
        """The `preset`, with what the person has chosen of their own among its values."""
        read = presets.load_preset(preset)
        brought = self.load_draft(session).get("brought") or {}
        return read._replace(values={**read.values, **kept_over(read.named, shown, brought)})

    def open_file(self, request: gr.Request, path: str | None, *shown: Any) -> Updates:
        """Fill the form from the settings file at `path`."""
        if not path:
            return gr.skip()
        session, before = self.session(request), self.fields.read(shown)
        return self._loaded(lambda: presets.read_settings(Path(path)), None, session, before) or gr.skip()

    def open_dropped(self, dropped: Dropped, session: Session) -> Opened:
        opened = open_dropped(dropped, session.language, self.reach)
        if opened.values is None:
            return opened
        self.keep_draft(session, {**self.load_draft(session), "kept": opened.kept})
        return replace(opened, values=self.complete(opened.values))

    def save_preset(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Write the form over the chosen preset, if it is the user's own."""
        kept = self.kept(self.session(request))
        return self._saved(
            lambda found: presets.save_preset(presets.chosen(preset), found.config, kept), shown, request
        )

    def save_preset_as(self, request: gr.Request, name: str, *shown: Any) -> Updates:
        """Write the form as a new preset, and close the name field once that has worked."""
        kept = self.kept(self.session(request))
        updates = self._saved(lambda found: presets.save_preset_as(name or "", found.config, kept), shown, request)
        if self.bar.preset in updates:
            updates |= {self.bar.name_row: gr.update(visible=False), self.bar.name: ""}
        return updates

    def kept(self, session: Session) -> Kept:
        """What the file that was opened says beside the form's settings."""
        return kept_in(self.load_draft(session).get("kept") or {})

    def put(self, request: gr.Request, sent: str, preset: str | None, *shown: Any) -> Updates:
        """Put values into the form that the page's script has written as JSON: a cure, or a way to so many steps.

        A preset instead of values is loaded; "" only lists again what presets there are. Values of an opened file are
        those of no preset. Those under `when_tags_move` count if captions are shuffled or tags dropped.
        """
        asked = read_json(sent)
        given = readable(asked, self.fields.widgets)
        before = self.fields.read(shown)
        if isinstance(asked, dict) and any(_is_on({**before, **given}.get(name)) for name in MOVING_TAGS):
            given = {**given, **readable(asked.get(IF_TAGS_MOVE), self.fields.widgets)}
        session = self.session(request)
        chosen = asked.get(PRESET) if isinstance(asked, dict) else None
        if isinstance(chosen, str):
            if chosen:
                return self.load_preset(request, chosen, *shown)
            return {self.bar.preset: _choices(self.load_draft(session).get("preset"), session)}
        kept, source = self.load_draft(session).get("kept"), None if asked.get(OPENED) else preset
        return self.show({**before, **given}, source, session, before, kept) if given else gr.skip()

    def reset(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Put every setting to its default."""
        return self.show(presets.defaults(), preset, self.session(request), self.fields.read(shown))

    def writable(self, values: Mapping[str, Any], session: Session) -> CheckedForm:
        """The settings if each can be read, however incomplete; raises `UserError` if one cannot."""
        found = self.check(values, session)
        raise_if_any(found.unreadable)
        return found

    def show(
        self, values: Mapping[str, Any], preset: str | None, session: Session, shown: Mapping[str, Any] | None = None,
        kept: Mapping[str, Any] | None = None,
    ) -> Updates:  # fmt: skip
        """Put `values`, which came from `preset`, into the form, which has `shown`, and keep them as the draft.

        `kept` is what another program's file says beside them, for saving it back.
        """
        self._keep(session, preset, self.complete(values), None, kept)
        return {self.bar.preset: _choices(preset, session), **self.fill(values, session, shown)}

    def _keep(
        self, session: Session, preset: str | None, values: Mapping[str, Any], asked: str | None,
        kept: Mapping[str, Any] | None,
    ) -> None:  # fmt: skip
        """Keep the draft. `asked` is the hub id whose file the user has been asked for; `kept` as in `show`."""
        model = clean_path(str(values.get(MODEL) or ""))
        if hub.is_hub_id(model) and hub.local_file_for(model) is None:
            asked = model
        self.keep_draft(session, {
            **self.load_draft(session), "preset": preset, "values": dict(values), "asked_model": asked,
            "kept": kept or {},
        })  # fmt: skip

    def _loaded(
        self, read: Callable[[], presets.Preset], preset: str | None, session: Session,
        shown: Mapping[str, Any] | None = None,
    ) -> Updates | None:
        """The form filled by `read`; None, and a message why, where it cannot be."""
        try:
            found = read()
        except UserError as error:
            session.warn(error)
            return None
        for remark in found.remarks:
            session.warn(remark)
        if preset and presets.is_program_preset(preset):
            self._note_brought(found.named, session)
        return self.show(found.values, preset, session, shown, found.kept.table() if preset else None)

    def _note_brought(self, named: Mapping[str, Any], session: Session) -> None:
        """Note in the draft what a preset of the program has `named` of what is trained: nobody has chosen that."""
        draft, shown = self.load_draft(session), self.complete(named)
        brought = {**(draft.get("brought") or {}), **{name: shown[name] for name in WHAT if name in named}}
        self.keep_draft(session, {**draft, "brought": brought})

    def _saved(self, write: Callable[[CheckedForm], str], shown: Sequence[Any], request: gr.Request) -> Updates:
        """The presets after `write`, or a message why nothing was written."""
        session, values = self.session(request), self.fields.read(shown)
        try:
            preset = write(self.writable(values, session))
        except UserError as error:
            return self.refuse(error, session)
        session.tell("ui.preset.saved", name=presets.name_of(preset))
        self._keep(session, preset, values, None, self.load_draft(session).get("kept"))
        return {self.bar.preset: _choices(preset, session), self.stamp: stamp()}


def _reason(declared: Setting, config: Mapping[str, Any], found: CheckedForm, language: str) -> str:
    """Why a setting does not apply with the values in `config`."""
    unmet = declared.applies_to.unmet(config, found.facts)
    return text("ui.search.hidden", language, condition=say(unmet.words, language))


def _about(path: Path | None, language: str) -> Markup:
    """What the model at `path` is; nothing without one."""
    return model_html(about(path), thumbnail_address, language) if path is not None else Markup("")


def _is_found(found: CheckedForm) -> bool:
    """Whether the model field names a file or folder here that holds a base model."""
    model = found.config.model.pretrained_model_name_or_path
    return bool(model) and exists(Path(model)) and not any(p.code.startswith("model_") for p in found.errors)


def _is_on(value: Any) -> bool:
    """Whether a setting is on, as a field has it: ticked, or a number other than 0."""
    return str(value).strip() not in ("", "None", "False", "0", "0.0")


def _choices(chosen: str | None, session: Session) -> Any:
    """The list of presets, the user's own marked as such."""
    known = presets.list_presets()
    kinds = {True: "ui.preset.program", False: "ui.preset.user"}
    names = {k: presets.name_of(k) if presets.is_program_preset(k) else presets.full_name(k) for k in known}
    named = [(session.text(kinds[presets.is_program_preset(k)], name=name), k) for k, name in names.items()]
    return gr.update(choices=named, value=chosen if chosen in known else None)
