"""What the buttons and fields of the Train tab do."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gradio as gr

from kohya_gui import presets
from kohya_gui.drafts import load_draft, save_draft
from kohya_gui.form import Form
from kohya_gui.form_facts import facts_html, offers, read_offer
from kohya_gui.language import language_of
from kohya_gui.messages import text, translate
from kohya_gui.runs import control, launch, registry
from kohya_gui.tabs.train_parts import OutputPanel, Target, Toolbar
from kohya_gui.tabs.train_run import RunPanel, Seen, look
from kohya_gui.understand import Understood, understand
from train_core.config.files import to_toml
from train_core.config.problems import UserError
from train_core.config.sd_scripts_export import export_toml

if TYPE_CHECKING:
    from kohya_gui.page import PageContext

Updates = dict[Any, Any]
TOAST_SECONDS = 12


@dataclass(frozen=True)
class Desk:
    """The Train tab's widgets and what happens to them. Every handler returns updates by widget."""

    form: Form
    bar: Toolbar
    facts: gr.HTML
    target: Target
    panel: OutputPanel
    run: RunPanel
    context: PageContext

    def language(self, request: gr.Request) -> str:
        return language_of(request, self.context.language)

    def opened(self, request: gr.Request) -> Updates:
        """The form as it was left: the draft, else the file given on the command line, else the demo."""
        draft = load_draft(user_of(request))
        if draft:
            return self._filled(draft.get("values", {}), draft.get("preset"), request)
        if self.context.config_path:
            return self._loaded(lambda: presets.read_settings(self.context.config_path or Path()), None, request)
        if presets.DEMO in presets.list_presets():
            return self._loaded(lambda: presets.load_preset(presets.DEMO), presets.DEMO, request)
        return self._filled(presets.defaults(), None, request)

    def typed(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Keep the draft and look again at what the form means."""
        self._keep(request, preset, self.form.read(shown))
        return {self.facts: self._facts(self.form.read(shown), request)}

    def load_preset(self, request: gr.Request, preset: str | None) -> Updates:
        """Fill the form from the chosen preset."""
        return self._loaded(lambda: presets.load_preset(preset or ""), preset, request)

    def save_preset(self, request: gr.Request, preset: str | None, *shown: Any) -> Updates:
        """Write the form over the chosen preset, if it is the user's own."""
        return self._saved(lambda found: presets.save_preset(preset or "", found.config), shown, request)

    def save_preset_as(self, request: gr.Request, name: str, *shown: Any) -> Updates:
        """Write the form as a new preset."""
        updates = self._saved(lambda found: presets.save_preset_as(name or "", found.config), shown, request)
        if self.bar.preset in updates:
            updates |= {self.bar.name_row: gr.update(visible=False), self.bar.name: ""}
        return updates

    def ask_name(self) -> Updates:
        return {self.bar.name_row: gr.update(visible=True)}

    def forget_name(self) -> Updates:
        return {self.bar.name_row: gr.update(visible=False)}

    def export(self, request: gr.Request, *shown: Any) -> Updates:
        """Show the settings as sd-scripts' TOML, with a link to keep them."""
        return self._shown("export", lambda found: ("", export_toml(found.config)), shown, request)

    def print_command(self, request: gr.Request, *shown: Any) -> Updates:
        """Show the command that Start would run, and the TOML that it reads."""
        return self._shown(
            "command", lambda found: (launch.printable_command(found.config), to_toml(found.config)), shown, request
        )

    def close_panel(self) -> Updates:
        return {self.panel.box: gr.update(visible=False)}

    def offer(self, request: gr.Request, typed: str, *shown: Any) -> Updates:
        """Ways to reach a typed number of steps."""
        language = self.language(request)
        target = int("".join(re.findall(r"\d", typed))[:9] or 0)
        found = offers(self._understand(self.form.read(shown), language), target, language)
        return {
            self.target.offers: gr.update(choices=found, value=found[0][1] if found else None, visible=bool(found)),
            self.target.apply: gr.update(visible=bool(found)),
        }

    def apply_offer(self, request: gr.Request, offer: str | None, preset: str | None, *shown: Any) -> Updates:
        """Set the epochs of an offer; repeats stand in folder names, so those are asked of the user."""
        values, language = self.form.read(shown), self.language(request)
        if not offer:
            return {}
        epochs, renames = read_offer(offer, self._understand(values, language))
        for now, then in renames:
            gr.Info(text("ui.target.rename", language, now=now, then=then), duration=TOAST_SECONDS)
        return self._filled({**values, "max_train_epochs": epochs, "max_train_steps": 0}, preset, request)

    def watch(self, request: gr.Request, choice: str | None, seen: Seen) -> Updates:
        """Whatever of the shown run is new."""
        return look(self.run, choice, seen, self.language(request))

    def start(self, request: gr.Request, seen: Seen, *shown: Any) -> Updates:
        """Start a run when nothing stands against it, and show it."""
        language, values = self.language(request), self.form.read(shown)
        found = self._understand(values, language)
        if found.errors:
            gr.Warning(text("ui.problems.errors", language, count=len(found.errors)), duration=TOAST_SECONDS)
            return {self.facts: self._facts(values, request)}
        if registry.active_runs():
            gr.Warning(text("ui.start.busy", language), duration=TOAST_SECONDS)
            return {self.facts: self._facts(values, request)}
        try:
            handle = launch.start(found.config)
        except UserError as error:
            self._toast(error, language)
            return {self.facts: self._facts(values, request)}
        return look(self.run, handle.id, seen, language)

    def stop(self, request: gr.Request, choice: str | None) -> None:
        """Ask the shown run to save and end; asked again, end it at once."""
        folder = registry.find_run(choice or "")
        if folder is None:
            return
        run = registry.read_run(folder)
        if run is not None and run.status == "stopping":
            control.kill(folder)
        else:
            control.stop(folder)
            gr.Info(text("ui.stop.asked", self.language(request)))

    def save_now(self, choice: str | None) -> None:
        folder = registry.find_run(choice or "")
        if folder is not None:
            control.save(folder)

    def sample_now(self, choice: str | None) -> None:
        folder = registry.find_run(choice or "")
        if folder is not None:
            control.sample(folder)

    def _understand(self, values: Mapping[str, Any], language: str) -> Understood:
        return understand(values, text("ui.the_form", language))

    def _facts(self, values: Mapping[str, Any], request: gr.Request) -> str:
        language = self.language(request)
        return facts_html(self.form, values, self._understand(values, language), language)

    def _keep(self, request: gr.Request, preset: str | None, values: Mapping[str, Any]) -> None:
        save_draft(user_of(request), {"preset": preset, "values": dict(values)})

    def _filled(self, values: Mapping[str, Any], preset: str | None, request: gr.Request) -> Updates:
        """Updates that put `values` into the form and keep them as the draft."""
        shown = self.form.show(values)
        self._keep(request, preset, self.form.read(shown))
        known = presets.list_presets()
        choices = [(self._preset_name(name, request), name) for name in known]
        return {
            self.bar.preset: gr.update(choices=choices, value=preset if preset in known else None),
            self.facts: self._facts(self.form.read(shown), request),
            **dict(zip(self.form.inputs, shown, strict=True)),
        }

    def _preset_name(self, name: str, request: gr.Request) -> str:
        kind = "ui.preset.program" if presets.is_program_preset(name) else "ui.preset.user"
        return text(kind, self.language(request), name=presets.name_of(name))

    def _loaded(self, read: Callable[[], Any], preset: str | None, request: gr.Request) -> Updates:
        """The form filled by `read`, or a message why it cannot be."""
        language = self.language(request)
        try:
            values, remarks = read()
        except UserError as error:
            self._toast(error, language)
            return {}
        for remark in remarks:
            gr.Warning(translate(remark, language), duration=TOAST_SECONDS)
        return self._filled(values, preset, request)

    def _saved(self, write: Callable[[Understood], str], shown: Sequence[Any], request: gr.Request) -> Updates:
        """The presets after `write`, or why nothing was written."""
        language, values = self.language(request), self.form.read(shown)
        try:
            preset = write(self._writable(values, language))
        except UserError as error:
            self._toast(error, language)
            return {self.facts: self._facts(values, request)}
        gr.Info(text("ui.preset.saved", language, name=presets.name_of(preset)))
        self._keep(request, preset, values)
        choices = [(self._preset_name(name, request), name) for name in presets.list_presets()]
        return {self.bar.preset: gr.update(choices=choices, value=preset)}

    def _writable(self, values: Mapping[str, Any], language: str) -> Understood:
        """The settings, when each can be read. A preset may be incomplete, and its folders need not exist."""
        found = self._understand(values, language)
        if not found.readable:
            raise UserError(*found.errors)
        return found

    def _shown(
        self, name: str, write: Callable[[Understood], tuple[str, str]], shown: Sequence[Any], request: gr.Request
    ) -> Updates:
        """The panel with the command and the text that `write` gives, or why there is none."""
        language, values = self.language(request), self.form.read(shown)
        try:
            command, written = write(self._writable(values, language))
        except UserError as error:
            self._toast(error, language)
            return {self.facts: self._facts(values, request)}
        return {
            self.panel.box: gr.update(visible=True),
            self.panel.title: f"**{text(f'ui.{name}.title', language)}**",
            self.panel.command: gr.update(value=command, visible=bool(command)),
            self.panel.text: written,
            self.panel.download: _download(written, str(values.get("output_name") or "config"), language),
        }

    def _toast(self, error: UserError, language: str) -> None:
        for found in error.problems:
            gr.Warning(html.escape(translate(found, language)), duration=TOAST_SECONDS)


def user_of(request: gr.Request) -> str:
    """Whose draft it is: the name of the login, or "" without one."""
    return request.username or ""


def _download(written: str, name: str, language: str) -> str:
    label = html.escape(text("ui.download", language))
    return f'<a download="{html.escape(name)}.toml" href="data:text/plain;charset=utf-8,{quote(written)}">{label}</a>'
