"""One run beside the form, watched while it runs or looked at afterwards.

What the run shows is fetched by assets/watch.js (server/watched.py); gradio changes the list of runs and the buttons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import Updates
from kohya_gui.form.widgets import key
from kohya_gui.i18n.messages import text
from kohya_gui.runs.registry import AT_WORK, RunInfo
from kohya_gui.runs.watched import Watched, watched
from kohya_gui.tabs.filled_dropdown import filled_dropdown
from kohya_gui.views.markup import checksum
from train_core.config.job import Job

Seen = dict[str, Any]


@dataclass(frozen=True)
class RunPanel:
    """The widgets that show a run.

    `seen` remembers what this browser has, so that only changes are sent, and which run it shows: the list itself may
    still name the one before while a run is being started. `stamp` tells the script the same, and `again` is pressed by
    it for another look. `mode` is "is" while runs are shown, and "will" while what the form would do is.
    """

    mode: gr.Radio
    choice: gr.Dropdown
    starters: dict[type[Job], gr.Button]
    buttons: dict[str, gr.Button]
    controls: gr.Row
    rate: gr.Textbox
    stamp: gr.HTML
    again: gr.Button
    seen: gr.State

    @property
    def outputs(self) -> list[Any]:
        """Components that an update of a run may change."""
        return [
            self.mode, self.choice, self.controls, *self.starters.values(), *self.buttons.values(),
            self.stamp, self.seen,
        ]  # fmt: skip


def build_run_panel(starters: dict[type[Job], gr.Button], stop: gr.Button, mode: gr.Radio) -> RunPanel:
    """Lay out the run's status, charts, pictures and console; what starts jobs, and `stop`, stand elsewhere."""
    with gr.Row(elem_id="run-bar", equal_height=True):
        choice = filled_dropdown("run-choice")
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
        stage = gr.Button(key("ui.rate.next_stage"), size="sm", visible=False, elem_id="next-stage")
    stamp = gr.HTML(elem_id="run-stamp")
    again = gr.Button(visible="hidden", elem_id="run-again")
    gr.HTML(elem_id="run-status")
    gr.HTML(elem_id="card-state")  # filled by assets/cards.js
    gr.HTML(elem_id="run-charts")
    with gr.Accordion(key("ui.samples.title"), open=True, elem_id="run-samples-box", elem_classes="section"):
        gr.HTML(elem_id="run-samples")
    with gr.Accordion(key("ui.console.title"), open=True, elem_id="run-console-box", elem_classes="section"):
        gr.HTML(elem_id="run-console")
    buttons = {
        "stop": stop, "pause": pause, "resume": resume, "save": save, "sample": sample,
        "set_rate": set_rate, "tenth": tenth, "stage": stage, "use_rates": use_rates,
    }  # fmt: skip
    return RunPanel(mode, choice, starters, buttons, controls, rate, stamp, again, gr.State({}))


def look(panel: RunPanel, asked: str | None, seen: Seen, language: str) -> Updates:
    """Updates of the list of runs and of the buttons for the run `asked` for, where they have changed since `seen`."""
    now = watched(asked, seen.get("newest"))
    fresh: Seen = {"newest": now.newest, "shown": now.shown, "choices": (now.choices, language), "buttons": now.buttons}
    updates: Updates = {panel.seen: fresh, panel.stamp: stamp_html(now, language)}
    if now.busy and seen.get("newest") != now.newest:
        updates[panel.mode] = "is"
    if seen.get("choices") != fresh["choices"]:
        choices = [(run_label(run, language), run.id) for run in now.runs]
        updates[panel.choice] = gr.update(choices=choices, value=now.shown or None)
    if seen.get("buttons") != fresh["buttons"]:
        updates |= _buttons(panel, now, language)
    return updates


def controls_of(now: Watched, language: str) -> int:
    """A number for what the list of runs and the buttons show; another one asks for a `look`."""
    return checksum(repr((now.newest, now.choices, now.buttons, language)))


def stamp_html(now: Watched, language: str) -> Markup:
    """What the page's script knows of the panel: the run that is shown, the newest one, and `controls_of` both; and
    what Stop and Pause say when pointed at."""
    return Markup(
        '<i data-shown="{}" data-newest="{}" data-controls="{}" data-stop="{}" data-pause="{}"></i>'
    ).format(
        now.shown, now.newest, controls_of(now, language),
        "" if now.status == "stopping" else text("ui.stop.hint", language), text("ui.pause.hint", language),
    )


def _buttons(panel: RunPanel, now: Watched, language: str) -> Updates:
    """State of the buttons; Stop becomes End now once the run has been asked to stop."""
    stop = text("ui.kill" if now.status == "stopping" else "ui.stop", language)
    return {
        **{button: gr.update(interactive=not now.busy) for button in panel.starters.values()},
        panel.buttons["stop"]: gr.update(visible=now.status in AT_WORK, value=stop),
        panel.controls: gr.update(visible=now.status == "running"),
        panel.buttons["stage"]: gr.update(visible=now.stages_left),
        panel.buttons["resume"]: gr.update(visible=now.can_resume),
        panel.buttons["use_rates"]: gr.update(visible=now.found_rates),
    }


def run_label(run: RunInfo, language: str) -> str:
    """`demo · 2026-11-20 22:04 · completed` as one line of a list."""
    return f"{run.name} · {run.created:%Y-%m-%d %H:%M} · {text(f'ui.status.{run.status}', language)}"
