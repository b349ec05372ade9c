"""The Train tab: the bar above, the form on the left, and beside it what will happen, or what is happening."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import QUIET
from kohya_gui.form.widgets import build_form, key
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.train_actions import Actions
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import (
    FormTools,
    build_form_tools,
    build_output_panel,
    build_target,
    build_toolbar,
)
from kohya_gui.tabs.train_run import build_run_panel
from kohya_gui.views.markup import joined
from train_core.config.job import Job
from train_core.config.jobs.train import TrainConfig
from train_core.config.jobs.try_out import TryConfig

# What a beginner fills in, in this order; the settings of all other cards are good as they are.
ESSENTIAL = (
    "training_method", "token_string", "pretrained_model_name_or_path", "train_data_dir", "output_name", "output_dir",
    "max_train_epochs", "train_batch_size", "resolution", "sample_prompts",
)  # fmt: skip
PLAN = joined(Markup('<div id="{}"></div>').format(part) for part in ("report", "problems", "tried", "plan", "folders"))


def build_train_tab(page: gr.Blocks, context: PageContext) -> TrainForm:
    """Lay out the tab inside `page`, connect its events and return its form."""
    bar = build_toolbar()
    panel = build_output_panel()
    stamp = gr.HTML(elem_id="train-stamp")
    with gr.Row(elem_id="train-columns", equal_height=False):
        with gr.Column(scale=6, min_width=420, elem_id="form-column"):
            gr.HTML('<div id="preset-about"></div>', elem_id="preset-about-box")
            tools = build_form_tools()
            fields = build_form(TrainConfig, essential=ESSENTIAL)
            build_target()
        with gr.Column(scale=5, min_width=380, elem_id="panel"):
            with gr.Row(elem_id="panel-head", equal_height=True):
                mode = gr.Radio(
                    [(key("ui.panel.will"), "will"), (key("ui.panel.is"), "is")], value="will", show_label=False,
                    container=False, elem_id="panel-mode",
                )  # fmt: skip
                try_out = gr.Button(key("job.try.title"), size="sm", elem_id="try")
            gr.HTML(PLAN, elem_id="plan-box")
            with gr.Column(elem_id="run-box"):
                starters: dict[type[Job], gr.Button] = {TrainConfig: bar.start, TryConfig: try_out, **bar.preparing}
                run = build_run_panel(starters, bar.stop, mode)
    form = TrainForm(
        job=TrainConfig, fields=fields, stamp=stamp, language=context.language, bar=bar,
        config_path=context.config_path, reach=context.reach,
    )  # fmt: skip
    context.forms["train"] = form
    _wire_form(page, form, tools)
    _wire_presets(form)
    _wire_actions(page, Actions(form, run, panel))
    return form


def _wire_form(page: gr.Blocks, form: TrainForm, tools: FormTools) -> None:
    fields, bar = form.fields.inputs, form.bar
    page.load(form.opened, None, form.filled, **QUIET)
    form.connect_paths()
    bar.put.change(form.put, [bar.put, bar.preset, *fields], form.filled, **QUIET)
    bar.reset.click(form.reset, [bar.preset, *fields], form.filled, **QUIET)
    tools.undo.click(form.undo, fields, form.filled, **QUIET)
    tools.redo.click(form.redo, fields, form.filled, **QUIET)


def _wire_presets(form: TrainForm) -> None:
    fields, bar = form.fields.inputs, form.bar
    bar.preset.select(form.load_preset, [bar.preset, *fields], form.filled, **QUIET)
    bar.save.click(form.save_preset, [bar.preset, *fields], [bar.preset, form.stamp], **QUIET)
    bar.save_as.click(lambda: gr.update(visible=True), None, [bar.name_row], **QUIET)
    bar.cancel.click(lambda: gr.update(visible=False), None, [bar.name_row], **QUIET)
    named = [bar.preset, bar.name, bar.name_row, form.stamp]
    gr.on([bar.confirm.click, bar.name.submit], form.save_preset_as, [bar.name, *fields], named, **QUIET)


def _wire_actions(page: gr.Blocks, actions: Actions) -> None:
    form, run, panel = actions.form, actions.run, actions.panel
    fields = form.fields.inputs
    gr.on([page.load, run.again.click], actions.watch, [run.seen], [*run.outputs, form.stamp], **QUIET)
    run.mode.change(None, [run.mode], None, js="(mode) => { document.body.dataset.panel = mode; }", **QUIET)
    run.choice.select(actions.choose, [run.choice, run.seen], run.outputs, **QUIET)
    shown_run = [*run.outputs, form.stamp]
    for job, button in run.starters.items():
        button.click(actions.starter(job), [run.seen, *fields], shown_run, **QUIET)
    form.bar.queue.click(actions.add_to_queue, fields, [form.stamp], **QUIET)
    run.buttons["use_rates"].click(actions.use_rates, [run.choice, form.bar.preset, *fields], form.filled, **QUIET)
    run.buttons["stop"].click(actions.stop, [run.choice], None, **QUIET)
    run.buttons["pause"].click(actions.pause, [run.choice], None, **QUIET)
    run.buttons["resume"].click(actions.resume, [run.choice, run.seen], run.outputs, **QUIET)
    run.buttons["tenth"].click(actions.tenth_rate, [run.choice], [run.rate], **QUIET)
    typed = [run.buttons["set_rate"].click, run.rate.submit]
    gr.on(typed, actions.change_rate, [run.choice, run.rate], [run.rate], **QUIET)
    run.buttons["save"].click(actions.save_now, [run.choice], None, **QUIET)
    run.buttons["stage"].click(actions.next_stage, [run.choice], None, **QUIET)
    run.buttons["sample"].click(actions.sample_now, [run.choice], None, **QUIET)
    shown = [panel.box, panel.title, *panel.commands.values(), panel.text, panel.download, form.stamp]
    form.bar.export.click(actions.export, fields, shown, **QUIET)
    form.bar.export_kohya.click(actions.export_kohya, fields, shown, **QUIET)
    form.bar.command.click(actions.print_command, fields, shown, **QUIET)
    panel.close.click(lambda: gr.update(visible=False), None, [panel.box], **QUIET)
