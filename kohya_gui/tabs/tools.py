"""The LoRA tools tab: a form for each tool, made from its settings, and one panel that shows the running tool."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from kohya_gui.form.controller import QUIET, Updates
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import key
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.tool_form import ToolForm, build_tool, cancel_tool
from train_core.config.jobs import table
from train_core.config.problems import UserError, cause_of
from train_core.config.syntax.block_weights import own_lines_file, parse_own_lines
from train_core.config.whole_files import write_text
from train_core.facts.run.writable import not_written


def build_tools_tab(page: gr.Blocks, context: PageContext, others: Sequence[ToolForm] = ()) -> None:
    """Lay out the tab inside `page` and connect its events. `others` are forms on other tabs, which open with it."""
    forms = [*others]
    with gr.Tabs(elem_id="tools", overflow_behavior="wrap"):
        for name in (row.name for row in table.tools() if row.tab == "tools"):
            with gr.Tab(key(f"job.{name}.title"), id=name, elem_id=f"tool-{name}"):
                forms.append(build_tool(name, context))
    with gr.Accordion(key("ui.tool.blocks.title"), open=False, elem_id="own-blocks", elem_classes="section"):
        lines = gr.Textbox(lines=4, max_lines=20, show_label=False, info=key("ui.tool.blocks.help"),
                           elem_id="own-block-lines")
        save = gr.Button(key("ui.tool.blocks.save"), size="sm", elem_id="save-block-lines")
    gr.HTML(elem_id="tool-view")  # filled by assets/watch.js, which also shows and hides the button
    cancel = gr.Button(key("ui.tool.cancel"), elem_id="cancel-tool", elem_classes="cancel-tool")

    def keep(request: gr.Request, text: str | None) -> None:
        keep_own_lines(text or "", Session.of(request, request.username or "", context.language))

    def end(request: gr.Request) -> None:
        cancel_tool(Session.of(request, request.username or "", context.language))

    def opened(request: gr.Request) -> Updates:
        filled = (form.opened(request) for form in forms)
        return {lines: own_lines(), **{widget: value for updates in filled for widget, value in updates.items()}}

    # One event for all tools: gradio asks for each event by itself, and the page hears of none before the last.
    page.load(opened, None, [lines, *(widget for form in forms for widget in form.filled)], **QUIET)
    cancel.click(end, None, None, **QUIET)
    save.click(keep, [lines], None, **QUIET)


def own_lines() -> str:
    """The user's own block weights, as typed."""
    path = own_lines_file()
    return path.read_text(encoding="utf-8-sig") if path.is_file() else ""


def keep_own_lines(text: str, session: Session) -> None:
    """Write the user's own block weights, or say which line is wrong."""
    try:
        lines = parse_own_lines(text)
    except UserError as error:
        session.warn(error)
        return
    try:
        write_text(own_lines_file(), text.strip() + "\n")
    except OSError as error:
        session.warn(not_written(own_lines_file(), cause_of(error)))
        return
    session.tell("ui.tool.blocks.saved", count=len(lines))
