"""Actions of the Train tab's buttons: start, stop, and show what a start would run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import Updates, stamp
from kohya_gui.form.session import Session
from kohya_gui.form.validate_form import CheckedForm
from kohya_gui.i18n.value_kinds import number_text
from kohya_gui.runs import control, launch
from kohya_gui.runs.follow import follower
from kohya_gui.runs.queue import queue_file, queueing
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import OutputPanel
from kohya_gui.tabs.train_run import RunPanel, Seen, look
from train_core.config.files import missing, to_toml
from train_core.config.interop.kohya_ss_export import export_kohya_ss, lost_in_kohya_ss
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.job import Job
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.config.syntax.optimizer_traits import adapts_rate
from train_core.facts.preflight import findings_of


@dataclass(frozen=True)
class Actions:
    """The buttons' handlers. They return updates by widget; `shown` is what the form's fields show."""

    form: TrainForm
    run: RunPanel
    panel: OutputPanel

    def watch(self, request: gr.Request, seen: Seen) -> Updates:
        """Update the list of runs and the buttons, and show what a try has found once it has ended."""
        session = self.form.session(request)
        problems = self.form.tries.ended(session.user)
        updates = look(self.run, seen.get("shown"), seen, session.language)
        if problems is None:
            return updates
        for found in problems:
            session.warn(found)
        return {**updates, self.run.mode: "will", self.form.stamp: stamp()}

    def choose(self, request: gr.Request, choice: str | None, seen: Seen) -> Updates:
        """The run that was chosen from the list."""
        return look(self.run, choice, seen, self.form.session(request).language)

    def starter(self, job: type[Job]) -> Callable[..., Updates]:
        """A handler that starts `job` with the form's settings if nothing prevents it, and shows its run."""

        def start(request: gr.Request, seen: Seen, *shown: Any) -> Updates:
            session, values = self.form.session(request), self.form.fields.read(shown)
            try:
                settings = _ready(job, self.form.check(values, session))
                kept = job.keeps_run
                handle = launch.start(job, settings) if kept else self.form.tries.start(session.user, settings)
            except UserError as error:
                return self.form.refuse(error, session)
            return look(self.run, handle.id, seen, session.language)

        return start

    def add_to_queue(self, request: gr.Request, *shown: Any) -> Updates:
        """Let the form's training wait in the queue if nothing would prevent it."""
        session, values = self.form.session(request), self.form.fields.read(shown)
        try:
            queueing.add(TrainConfig, _ready(TrainConfig, self.form.check(values, session)))
        except UserError as error:
            return self.form.refuse(error, session)
        session.tell("ui.queue.added", count=len(queue_file.load().entries))
        return {self.form.stamp: stamp()}

    def use_rates(self, request: gr.Request, choice: str | None, preset: str | None, *shown: Any) -> Updates:
        """Put the rates that the shown run has found into the form."""
        session = self.form.session(request)
        try:
            rates = _rates_of(control.find_known(choice))
        except UserError as error:
            session.warn(error)
            return gr.skip()
        values = self.form.fields.read(shown)
        return self.form.show(with_rates(values, rates), preset, session, values)

    def stop(self, request: gr.Request, choice: str | None) -> None:
        """Ask the shown run to save and end; asked a second time, end it at once."""
        session = self.form.session(request)
        try:
            run = control.find_active(choice)
        except UserError as error:
            session.warn(error)
            return
        if run.status == "stopping":
            control.kill(run.folder)
        else:
            control.stop(run.folder)
            session.tell("ui.stop.asked")

    def pause(self, request: gr.Request, choice: str | None) -> None:
        """Ask the shown run to keep its state and end."""
        session = self.form.session(request)
        if _ask(control.pause, choice, session):
            session.tell("ui.pause.asked")

    def resume(self, request: gr.Request, choice: str | None, seen: Seen) -> Updates:
        """Resume the shown run from its newest state, with the settings that it was started with."""
        session = self.form.session(request)
        try:
            handle = launch.resume(control.find_known(choice))
        except UserError as error:
            session.warn(error)
            return gr.skip()
        return look(self.run, handle.id, seen, session.language)

    def change_rate(self, request: gr.Request, choice: str | None, typed: str) -> Updates:
        """Ask the shown run for the typed learning rate, or factor, from its next step on."""
        session = self.form.session(request)
        try:
            change = control.change_rate(control.find_active(choice).folder, typed or "")
        except UserError as error:
            session.warn(error)
            return gr.skip()
        session.tell("ui.rate.asked", change=str(change))
        return {self.run.rate: ""}

    def tenth_rate(self, request: gr.Request, choice: str | None) -> Updates:
        """Ask the shown run for a tenth of its learning rate."""
        return self.change_rate(request, choice, "x0.1")

    def next_stage(self, request: gr.Request, choice: str | None) -> None:
        """Ask the shown run for the next stage of its learning rate."""
        _ask(control.next_stage, choice, self.form.session(request))

    def save_now(self, request: gr.Request, choice: str | None) -> None:
        """Ask the shown run for a file now."""
        _ask(control.save, choice, self.form.session(request))

    def sample_now(self, request: gr.Request, choice: str | None) -> None:
        """Ask the shown run for sample pictures now."""
        _ask(control.sample, choice, self.form.session(request))

    def export(self, request: gr.Request, *shown: Any) -> Updates:
        """Show the settings as sd-scripts' TOML."""
        return self._show("export", lambda found: ({}, export_toml(found.config, _family(found))), request, *shown)

    def export_kohya(self, request: gr.Request, *shown: Any) -> Updates:
        """Show the settings as kohya_ss's JSON, with what the file that they came from says beside them."""
        session = self.form.session(request)
        kept = self.form.kept(session)

        def write(found: CheckedForm) -> tuple[dict[str, str], str]:
            for name in lost_in_kohya_ss(found.config, _family(found)):
                session.tell("ui.import.lost", name=session.text(f"setting.{name}.label"))
            return {}, export_kohya_ss(found.config, kept, _family(found))

        return self._show("export_kohya", write, request, *shown, ending="json")

    def print_command(self, request: gr.Request, *shown: Any) -> Updates:
        """Show the command that Start would run, and the TOML that it reads."""
        return self._show(
            "command", lambda found: (launch.printable_command(found.config), to_toml(found.config)), request, *shown
        )

    def _show(
        self, name: str, write: Callable[[CheckedForm], tuple[dict[str, str], str]], request: gr.Request, *shown: Any,
        ending: str = "toml",
    ) -> Updates:  # fmt: skip
        """The panel with the commands by shell and the text that `write` gives, or a message why there are none."""
        session, values, panel = self.form.session(request), self.form.fields.read(shown), self.panel
        try:
            found = self.form.writable(values, session)
            commands, written = write(found)
        except UserError as error:
            return self.form.refuse(error, session)
        return {
            panel.box: gr.update(visible=True),
            panel.title: f"**{session.text(f'ui.{name}.title')}**",
            **{box: gr.update(value=commands.get(shell, ""), visible=bool(commands))
               for shell, box in panel.commands.items()},
            panel.text: gr.update(value=written, label=ending.upper()),
            panel.download: _download(
                written, f"{found.config.output.output_name}.{ending}", session.text("ui.download")
            ),
        }


def _family(found: CheckedForm) -> str:
    """The kind of the chosen base model, "" where it is not known."""
    return str(found.facts.get("family") or "")


def with_rates(values: Mapping[str, Any], rates: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The form's `values` with found `rates` of the chosen optimizer; one that finds its own gives way to AdamW8bit."""
    optimizer = str(values.get("optimizer_type") or "")
    own = rates["Lion"] if "lion" in optimizer.lower() and not adapts_rate(optimizer) else rates["AdamW8bit"]
    if "learning_rate" in own:  # of a method that has no other
        changed: dict[str, Any] = dict(own)
    else:
        changed = {"learning_rate": own["unet_lr"], "unet_lr": own["unet_lr"]}
    if "text_encoder_lr" in own and not values.get("network_train_unet_only"):
        changed["text_encoder_lr"] = number_text(own["text_encoder_lr"])
    if adapts_rate(optimizer):
        changed |= {"optimizer_type": "AdamW8bit", "optimizer_args": ""}
    return {**values, **changed}


def _ready(job: type[Job], found: CheckedForm) -> TrainConfig:
    """The form's settings, or `UserError` if `job` cannot run with them.

    A job with checks of its own needs only what these ask for; any other needs settings that can be trained.
    """
    if job.checks == TrainConfig.checks and found.errors:
        raise UserError(
            problem(
                "form_not_ready",
                "Problems to fix before training can start: {count}. They are listed beside the form.",
                count=len(found.errors),
            )
        )
    if job.checks != TrainConfig.checks:
        raise_if_any(found.unreadable)
        settings = job.of(found.config)
        raise_if_any([*missing(settings, ""), *findings_of(settings).problems])
    return found.config


def _rates_of(folder: Path) -> dict[str, dict[str, float]]:
    """The rates by optimizer that the run in `folder` has found. Raises `UserError` where it has found none."""
    rates = follower(folder).view().rates
    if not rates:
        raise UserError(
            problem(
                "no_rates_found",
                "This run has found no learning rates. Choose a finished run of 'Find learning rate' from the list.",
            )
        )
    return rates


def _ask(request: Callable[[Path], None], choice: str | None, session: Session) -> bool:
    """Make a request of the chosen run, or say why it cannot be made. Returns whether it was."""
    try:
        request(control.find_active(choice).folder)
    except UserError as error:
        session.warn(error)
        return False
    return True


def _download(written: str, name: str, label: str) -> Markup:
    """A link that saves the text as a file, made in the browser so that no server keeps it."""
    address = f"data:text/plain;charset=utf-8,{quote(written)}"
    return Markup('<a download="{}" href="{}">{}</a>').format(name, address, label)
