"""The Train tab: the form on the left, the run on the right, the buttons above both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from kohya_gui.form import build_form
from kohya_gui.tabs.train_desk import Desk
from kohya_gui.tabs.train_parts import build_output_panel, build_target, build_toolbar
from kohya_gui.tabs.train_run import RunPanel, build_run_panel
from train_core.config.train import TrainConfig

if TYPE_CHECKING:
    from kohya_gui.page import PageContext

QUIET = {"show_progress": "hidden"}


def build_train_tab(page: gr.Blocks, context: PageContext) -> None:
    """Lay out the tab inside `page` and connect its events."""
    bar = build_toolbar()
    facts = gr.HTML(elem_id="form-facts")
    target = build_target()
    panel = build_output_panel()
    with gr.Row(elem_id="train-columns", equal_height=False):
        with gr.Column(scale=6, min_width=420, elem_id="form-column"):
            form = build_form(TrainConfig)
        with gr.Column(scale=5, min_width=380, elem_id="run-column"):
            run = build_run_panel(bar.start, bar.stop, context.pictures_path)
    desk = Desk(form, bar, facts, target, panel, run, context)
    _wire_form(page, desk)
    _wire_runs(page, desk, run)


def _wire_form(page: gr.Blocks, desk: Desk) -> None:
    form, bar, target, panel = desk.form, desk.bar, desk.target, desk.panel
    page.load(desk.opened, None, [bar.preset, desk.facts, *form.inputs], **QUIET)
    gr.on(
        form.edits, desk.typed, [bar.preset, *form.inputs], [desk.facts], trigger_mode="always_last", **QUIET
    )
    loaded = [bar.preset, desk.facts, *form.inputs]
    bar.load.click(desk.load_preset, [bar.preset], loaded, **QUIET)
    bar.save.click(desk.save_preset, [bar.preset, *form.inputs], [bar.preset, desk.facts], **QUIET)
    bar.save_as.click(desk.ask_name, None, [bar.name_row], **QUIET)
    bar.cancel.click(desk.forget_name, None, [bar.name_row], **QUIET)
    gr.on(
        [bar.confirm.click, bar.name.submit], desk.save_preset_as, [bar.name, *form.inputs],
        [bar.preset, bar.name, bar.name_row, desk.facts], **QUIET,
    )  # fmt: skip
    shown = [panel.box, panel.title, panel.command, panel.text, panel.download, desk.facts]
    bar.export.click(desk.export, form.inputs, shown, **QUIET)
    bar.command.click(desk.print_command, form.inputs, shown, **QUIET)
    panel.close.click(desk.close_panel, None, [panel.box], **QUIET)
    target.steps.change(
        desk.offer, [target.steps, *form.inputs], [target.offers, target.apply], trigger_mode="always_last", **QUIET
    )
    target.apply.click(desk.apply_offer, [target.offers, bar.preset, *form.inputs], loaded, **QUIET)


def _wire_runs(page: gr.Blocks, desk: Desk, run: RunPanel) -> None:
    timer = gr.Timer(1.0)
    gr.on([page.load, timer.tick, run.choice.input], desk.watch, [run.choice, run.seen], run.outputs, **QUIET)
    run.buttons["start"].click(desk.start, [run.seen, *desk.form.inputs], [*run.outputs, desk.facts], **QUIET)
    run.buttons["stop"].click(desk.stop, [run.choice], None, **QUIET)
    run.buttons["save"].click(desk.save_now, [run.choice], None, **QUIET)
    run.buttons["sample"].click(desk.sample_now, [run.choice], None, **QUIET)
