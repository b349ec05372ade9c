"""The Evaluate tab: grids and what people think of them, and the forms of the tools that draw and measure.

assets/evaluate.js loads the view of grids from the routes of server/evaluate/ once it is seen. Its frame
(views/evaluate/frame.py) comes in the browser's language once somebody looks.
"""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import QUIET
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import key
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.tool_form import ToolForm, build_tool, cancel_tool
from train_core.config.jobs import table

SHELL = Markup('<div id="evaluate-place"></div>')


def build_grids() -> None:
    """Lay out the place of the view of grids."""
    gr.HTML(SHELL, elem_id="evaluate", padding=False)


def build_evaluate_tab(context: PageContext) -> list[ToolForm]:
    """Lay out the tab; returns its forms, which are filled when the page opens."""
    forms = []
    with gr.Tabs(elem_id="evaluate-parts", overflow_behavior="wrap"):
        with gr.Tab(key("ui.evaluate.part_grids"), id="grids", elem_id="evaluate-grids"):
            build_grids()
        for name in (row.name for row in table.tools() if row.tab == "evaluate"):
            with gr.Tab(key(f"job.{name}.title"), id=name, elem_id=f"tool-{name}"):
                forms.append(build_tool(name, context))
    gr.HTML(elem_id="evaluate-tool")  # filled by assets/watch.js, which also shows and hides the button
    cancel = gr.Button(key("ui.tool.cancel"), elem_id="cancel-evaluate", elem_classes="cancel-tool")

    def end(request: gr.Request) -> None:
        cancel_tool(Session.of(request, request.username or "", context.language))

    cancel.click(end, None, None, **QUIET)
    return forms
