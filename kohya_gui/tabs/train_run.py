"""One run beside the form, watched while it runs or looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr

from kohya_gui.form.controller import Updates
from kohya_gui.form.widgets import key
from kohya_gui.i18n.messages import text
from kohya_gui.runs.follow import Revision, RunView, follower
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import AT_WORK, RunInfo
from kohya_gui.views.run_html import charts_html, console_html, samples_html, status_html
from train_core.config.job import Job

Seen = dict[str, Any]
MAX_LISTED = 200


@dataclass(frozen=True)
class RunPanel:
    """The widgets that show a run.

    `seen` remembers what this browser has, so that only changes are sent, and which run it shows: the list itself may
    still name the one before while a run is being started. `mode` is "is" while runs are shown, and "will" while what
    the form would do is.
    """

    mode: gr.Radio
    choice: gr.Dropdown
    starters: dict[type[Job], gr.Button]
    buttons: dict[str, gr.Button]
    controls: gr.Row
    rate: gr.Textbox
    views: dict[str, gr.HTML]
    seen: gr.State
    pictures_path: str

    @property
    def outputs(self) -> list[Any]:
        """Components that an update of a run may change."""
        return [
            self.mode, self.choice, self.controls, *self.starters.values(), *self.buttons.values(),
            *self.views.values(), self.seen,
        ]  # fmt: skip


def build_run_panel(
    starters: dict[type[Job], gr.Button], stop: gr.Button, mode: gr.Radio, pictures_path: str
) -> RunPanel:
    """Lay out the run's status, charts, pictures and console; what starts jobs, and `stop`, stand elsewhere."""
    with gr.Row(elem_id="run-bar", equal_height=True):
        choice = gr.Dropdown([], show_label=False, container=False, elem_id="run-choice", interactive=True)
        resume = gr.Button(key("ui.resume"), size="sm", variant="primary", visible=False, elem_id="resume")
        use_rates = gr.Button(key("ui.rates.use"), size="sm", variant="primary", visible=False, elem_id="use-rates")
    with gr.Row(elem_id="run-controls", equal_height=True, visible=False) as controls:
        pause = gr.Button(key("ui.pause"), size="sm", elem_id="pause")
        save = gr.Button(key("ui.save_now"), size="sm", elem_id="save-now")
        sample = gr.Button(key("ui.sample_now"), size="sm", elem_id="sample-now")
        rate = gr.Textbox(
            show_label=False, container=False, placeholder=key("ui.rate.placeholder"), max_lines=1, elem_id="new-rate",
        )
        set_rate = gr.Button(key("ui.rate.set"), size="sm", elem_id="set-rate")
        tenth = gr.Button(key("ui.rate.tenth"), size="sm", elem_id="rate-tenth")
    views = {"status": gr.HTML(elem_id="run-status")}
    gr.HTML(elem_id="card-state")  # filled by assets/cards.js
    views["charts"] = gr.HTML(elem_id="run-charts")
    with gr.Accordion(key("ui.samples.title"), open=True, elem_id="run-samples-box"):
        views["samples"] = gr.HTML(elem_id="run-samples")
    with gr.Accordion(key("ui.console.title"), open=True, elem_id="run-console-box"):
        views["console"] = gr.HTML(elem_id="run-console")
    buttons = {
        "stop": stop, "pause": pause, "resume": resume, "save": save, "sample": sample,
        "set_rate": set_rate, "tenth": tenth, "use_rates": use_rates,
    }  # fmt: skip
    return RunPanel(mode, choice, starters, buttons, controls, rate, views, gr.State({}), pictures_path)


def chosen_run(asked: str | None, runs: list[RunInfo]) -> RunInfo | None:
    """The run `asked` for, else the newest one at work, else the newest one that was started."""
    wanted = next((run for run in runs if run.id == asked), None)
    active = next((run for run in runs if run.status in AT_WORK), None)
    return wanted or active or _newest(runs) or next(iter(runs), None)


def has_appeared(runs: list[RunInfo], seen: Seen) -> bool:
    """Whether the newest run was started, here or elsewhere, since this browser last looked."""
    newest = _newest(runs)
    return "newest" in seen and newest is not None and newest.status in AT_WORK and seen["newest"] != newest.id


def _newest(runs: list[RunInfo]) -> RunInfo | None:
    """The newest run that does not wait in the queue."""
    return next((run for run in runs if run.status != "queued"), None)


def look(panel: RunPanel, asked: str | None, seen: Seen, language: str) -> Updates:
    """Updates for what has changed since `seen` about the run `asked` for; other parts are not even drawn."""
    runs = list_runs()[:MAX_LISTED]
    run = chosen_run(None if has_appeared(runs, seen) else asked, runs)
    view = follower(run.folder).view() if run else None
    busy = any(r.status in AT_WORK for r in runs)
    parts = [
        *_views(panel, view, language), _choices(panel, runs, run, language), _buttons(panel, view, busy, language)
    ]
    newest = _newest(runs)
    fresh: Seen = {"newest": newest.id if newest else "", "shown": run.id if run else None}
    updates: Updates = {panel.seen: fresh}
    if busy and seen.get("newest") != fresh["newest"]:
        updates[panel.mode] = "is"
    for part in parts:
        fresh[part.name] = part.state
        if seen.get(part.name) != part.state:
            updates |= part.draw()
    return updates


class Part(NamedTuple):
    """A part of the panel: the state that it shows, and how to draw it; equal states are drawn alike."""

    name: str
    state: Hashable
    draw: Callable[[], Updates]


def _views(panel: RunPanel, view: RunView | None, language: str) -> list[Part]:
    """The parts that show the run itself."""
    id, revision, status = (view.id, view.revision, view.status) if view else ("", Revision(), "")
    views = panel.views
    return [
        Part("status", (id, language, status, revision.status),
             lambda: {views["status"]: status_html(view, language)}),
        Part("charts", (id, language, revision.curves), lambda: {views["charts"]: charts_html(view, language)}),
        Part("samples", (id, language, revision.pictures),
             lambda: {views["samples"]: samples_html(view, panel.pictures_path, language)}),
        Part("console", (id, language, revision.console), lambda: {views["console"]: console_html(view, language)}),
    ]  # fmt: skip


def _choices(panel: RunPanel, runs: list[RunInfo], run: RunInfo | None, language: str) -> Part:
    """The list of runs, and which of them is shown."""
    chosen = run.id if run else None

    def draw() -> Updates:
        choices = [(run_label(r, language), r.id) for r in runs]
        return {panel.choice: gr.update(choices=choices, value=chosen)}

    return Part("choices", hash((tuple((r.id, r.status) for r in runs), chosen, language)), draw)


def _buttons(panel: RunPanel, view: RunView | None, busy: bool, language: str) -> Part:
    """State of the buttons; Stop becomes End now once the run has been asked to stop."""
    status = view.status if view else ""
    can_resume = not busy and view is not None and view.can_resume
    found_rates = view is not None and bool(view.rates)

    def draw() -> Updates:
        stop = text("ui.kill" if status == "stopping" else "ui.stop", language)
        return {
            **{button: gr.update(interactive=not busy) for button in panel.starters.values()},
            panel.buttons["stop"]: gr.update(visible=status in AT_WORK, value=stop),
            panel.controls: gr.update(visible=status == "running"),
            panel.buttons["resume"]: gr.update(visible=can_resume),
            panel.buttons["use_rates"]: gr.update(visible=found_rates),
        }

    return Part("buttons", (status, busy, can_resume, found_rates, language), draw)


def run_label(run: RunInfo, language: str) -> str:
    """`demo · 2026-11-20 22:04 · completed` as one line of a list."""
    return f"{run.name} · {run.created:%Y-%m-%d %H:%M} · {text(f'ui.status.{run.status}', language)}"
