"""The Settings tab: what is chosen for Crucible as a whole (assets/preferences.js), and a self-check of the machine."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import QUIET
from kohya_gui.form.session import Session
from kohya_gui.runs import self_check
from kohya_gui.tabs.context import PageContext
from kohya_gui.views.self_check_html import self_check_html
from train_core.config.places import caches_dir


def build_settings_tab(tab: gr.Tab, context: PageContext) -> None:
    """Two places that are filled whenever `tab` is opened."""
    gr.HTML(Markup('<div id="preferences-cards" class="self-check"></div>'), elem_id="preferences", padding=False)
    place = gr.HTML(elem_id="self-check", padding=False)

    def check(request: gr.Request) -> str:
        language = Session.of(request, request.username or "", context.language).language
        machine, packages = self_check.machine(), self_check.packages()
        return self_check_html(
            machine, packages, self_check.folders(), self_check.size_of(caches_dir()),
            self_check.findings(machine, packages), language,
        )  # fmt: skip

    tab.select(check, None, [place], **QUIET)
