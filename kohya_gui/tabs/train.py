"""The Train tab: the form on the left, the run on the right, the buttons above both."""

from __future__ import annotations

from typing import Any

import gradio as gr

from kohya_gui.form.widgets import build_form
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.train_actions import Actions
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import build_output_panel, build_target, build_toolbar
from kohya_gui.tabs.train_run import build_run_panel
from train_core.config.jobs.train import TrainConfig

QUIET: dict[str, Any] = {"show_progress": "hidden"}
LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}


def build_train_tab(page: gr.Blocks, context: PageContext) -> None:
    """Lay out the tab inside `page` and connect its events."""
    bar = build_toolbar()
    facts = gr.HTML(elem_id="form-facts")
    target = build_target()
    panel = build_output_panel()
    with gr.Row(elem_id="train-columns", equal_height=False):
        with gr.Column(scale=6, min_width=420, elem_id="form-column"):
            fields = build_form(TrainConfig)
        with gr.Column(scale=5, min_width=380, elem_id="run-column"):
            run = build_run_panel({TrainConfig: bar.start, **target.preparing}, bar.stop, context.pictures_path)
    form = TrainForm(
        job=TrainConfig, fields=fields, facts=facts, language=context.language, bar=bar, target=target,
        config_path=context.config_path,
    )  # fmt: skip
    _wire_form(page, form)
    _wire_presets(form)
    _wire_actions(page, Actions(form, run, panel))


def _wire_form(page: gr.Blocks, form: TrainForm) -> None:
    fields, bar, target = form.fields.inputs, form.bar, form.target
    page.load(form.opened, None, form.filled, **QUIET)
    gr.on(form.fields.edits, form.typed, [bar.preset, *fields], [form.facts], **LATEST)
    form.connect_paths()
    target.steps.change(form.offer, [target.steps, *fields], [target.offers, target.apply], **LATEST)
    target.apply.click(form.apply_offer, [target.offers, bar.preset, *fields], form.filled, **QUIET)


def _wire_presets(form: TrainForm) -> None:
    fields, bar = form.fields.inputs, form.bar
    bar.load.click(form.load_preset, [bar.preset], form.filled, **QUIET)
    bar.save.click(form.save_preset, [bar.preset, *fields], [bar.preset, form.facts], **QUIET)
    bar.save_as.click(lambda: gr.update(visible=True), None, [bar.name_row], **QUIET)
    bar.cancel.click(lambda: gr.update(visible=False), None, [bar.name_row], **QUIET)
    named = [bar.preset, bar.name, bar.name_row, form.facts]
    gr.on([bar.confirm.click, bar.name.submit], form.save_preset_as, [bar.name, *fields], named, **QUIET)


def _wire_actions(page: gr.Blocks, actions: Actions) -> None:
    form, run, panel = actions.form, actions.run, actions.panel
    fields = form.fields.inputs
    gr.on([page.load, gr.Timer(1.0).tick], actions.watch, [run.seen], run.outputs, **QUIET)
    run.choice.input(actions.choose, [run.choice, run.seen], run.outputs, **QUIET)
    shown_run = [*run.outputs, form.facts]
    for job, button in run.starters.items():
        button.click(actions.starter(job), [run.seen, *fields], shown_run, **QUIET)
    run.buttons["use_rates"].click(actions.use_rates, [run.choice, form.bar.preset, *fields], form.filled, **QUIET)
    run.buttons["stop"].click(actions.stop, [run.choice], None, **QUIET)
    run.buttons["pause"].click(actions.pause, [run.choice], None, **QUIET)
    run.buttons["resume"].click(actions.resume, [run.choice, run.seen], run.outputs, **QUIET)
    run.buttons["tenth"].click(actions.tenth_rate, [run.choice], [run.rate], **QUIET)
    typed = [run.buttons["set_rate"].click, run.rate.submit]
    gr.on(typed, actions.change_rate, [run.choice, run.rate], [run.rate], **QUIET)
    run.buttons["save"].click(actions.save_now, [run.choice], None, **QUIET)
    run.buttons["sample"].click(actions.sample_now, [run.choice], None, **QUIET)
    shown = [panel.box, panel.title, *panel.commands.values(), panel.text, panel.download, form.facts]
    form.bar.export.click(actions.export, fields, shown, **QUIET)
    form.bar.command.click(actions.print_command, fields, shown, **QUIET)
    panel.close.click(lambda: gr.update(visible=False), None, [panel.box], **QUIET)
