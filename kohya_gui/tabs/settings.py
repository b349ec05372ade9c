"""The Settings tab: a self-check of the machine and of this copy of the program, made when the tab is opened."""

from __future__ import annotations

import gradio as gr

from kohya_gui.form.session import Session
from kohya_gui.runs import self_check
from kohya_gui.tabs.context import PageContext
from kohya_gui.views.self_check_html import self_check_html
from train_core.config.places import caches_dir


def build_settings_tab(tab: gr.Tab, context: PageContext) -> None:
    """A place that is filled whenever `tab` is opened."""
    place = gr.HTML(elem_id="self-check")

    def check(request: gr.Request) -> str:
        language = Session.of(request, request.username or "", context.language).language
        machine, packages = self_check.machine(), self_check.packages()
        return self_check_html(
            machine, packages, self_check.folders(), self_check.size_of(caches_dir()),
            self_check.findings(machine, packages), language,
        )  # fmt: skip

    tab.select(check, None, [place], show_progress="hidden")
