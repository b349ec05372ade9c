"""The right half of the Train tab: one run, watched while it works or looked at afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from kohya_gui.form.widgets import key
from kohya_gui.i18n.messages import text
from kohya_gui.runs import registry
from kohya_gui.runs.follow import follower
from kohya_gui.views.run_html import charts_html, console_html, samples_html, status_html

Seen = dict[str, Any]
MAX_LISTED = 200


@dataclass(frozen=True)
class RunPanel:
    """The widgets that show a run.

    `seen` remembers what this browser has, so that only changes are sent, and which run it shows: the list itself may
    still name the one before while a run is being started.
    """

    choice: gr.Dropdown
    buttons: dict[str, gr.Button]
    controls: gr.Row
    rate: gr.Textbox
    views: dict[str, gr.HTML]
    seen: gr.State
    pictures_path: str

    @property
    def outputs(self) -> list[Any]:
        """Everything that a look at a run may change."""
        return [self.choice, self.controls, *self.buttons.values(), *self.views.values(), self.seen]


def build_run_panel(starters: dict[str, gr.Button], pictures_path: str) -> RunPanel:
    """Lay out the run's status, charts, pictures and console; `starters`, and what stops a run, stand elsewhere."""
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
    views = {"status": gr.HTML(elem_id="run-status"), "charts": gr.HTML(elem_id="run-charts")}
    with gr.Accordion(key("ui.samples.title"), open=True, elem_id="run-samples-box"):
        views["samples"] = gr.HTML(elem_id="run-samples")
    with gr.Accordion(key("ui.console.title"), open=True, elem_id="run-console-box"):
        views["console"] = gr.HTML(elem_id="run-console")
    buttons = {
        **starters, "pause": pause, "resume": resume, "save": save, "sample": sample,
        "set_rate": set_rate, "tenth": tenth, "use_rates": use_rates,
    }  # fmt: skip
    return RunPanel(choice, buttons, controls, rate, views, gr.State({}), pictures_path)


def chosen_run(asked: str | None, runs: list[registry.RunInfo]) -> registry.RunInfo | None:
    """The run `asked` for, else the newest one that is active, else the newest one."""
    wanted = next((run for run in runs if run.id == asked), None)
    active = next((run for run in runs if run.status in registry.ACTIVE), None)
    return wanted or active or next(iter(runs), None)


def has_appeared(runs: list[registry.RunInfo], seen: Seen) -> bool:
    """Whether the newest run was started, here or elsewhere, since this browser last looked."""
    return bool(runs) and runs[0].status in registry.ACTIVE and seen.get("newest", 0) not in (0, hash(runs[0].id))


def look(panel: RunPanel, asked: str | None, seen: Seen, language: str) -> dict[Any, Any]:
    """Updates for whatever of the run `asked` for has changed since `seen`."""
    runs = registry.list_runs()[:MAX_LISTED]
    run = chosen_run(None if has_appeared(runs, seen) else asked, runs)
    view = follower(run.folder).view() if run else None
    status = view.status if view else ""
    busy = any(r.status in registry.ACTIVE for r in runs)
    html = {
        "status": status_html(view, language),
        "charts": charts_html(view, language),
        "samples": samples_html(view, panel.pictures_path, language),
        "console": console_html(view),
    }
    choices = [(run_label(r, language), r.id) for r in runs]
    fresh: Seen = {name: hash(value) for name, value in html.items()}
    can_resume = not busy and view is not None and view.can_resume
    found_rates = view is not None and bool(view.rates)
    buttons = (status, busy, can_resume, found_rates, language)
    fresh |= {"choices": hash((tuple(choices), run and run.id)), "buttons": hash(buttons)}
    fresh |= {"newest": hash(runs[0].id) if runs else -1, "shown": run.id if run else None}
    updates: dict[Any, Any] = {panel.views[name]: html[name] for name in html if seen.get(name) != fresh[name]}
    if seen.get("choices") != fresh["choices"]:
        updates[panel.choice] = gr.update(choices=choices, value=run.id if run else None)
    if seen.get("buttons") != fresh["buttons"]:
        updates |= _button_states(panel, status, busy, language)
        updates[panel.buttons["resume"]] = gr.update(visible=can_resume)
        updates[panel.buttons["use_rates"]] = gr.update(visible=found_rates)
    return updates | {panel.seen: fresh}


def _button_states(panel: RunPanel, status: str, busy: bool, language: str) -> dict[Any, Any]:
    """What can be pressed now; Stop becomes the harder kind once the run has been asked to stop."""
    running = status == "running"
    stop = text("ui.kill" if status == "stopping" else "ui.stop", language)
    return {
        **{panel.buttons[name]: gr.update(interactive=not busy) for name in ("start", "find_rate", "class_images")},
        panel.buttons["stop"]: gr.update(interactive=status in registry.ACTIVE, value=stop),
        panel.controls: gr.update(visible=running),
    }


def run_label(run: registry.RunInfo, language: str) -> str:
    """`demo · 2026-11-20 22:04 · completed` as one line of a list."""
    return f"{run.name} · {run.created:%Y-%m-%d %H:%M} · {text(f'ui.status.{run.status}', language)}"
