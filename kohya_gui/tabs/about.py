"""The About tab: how to go from pictures to a LoRA, in a few lines."""

from __future__ import annotations

import gradio as gr

from kohya_gui.form.widgets import key


def build_about_tab() -> None:
    """A short guide as Markdown."""
    gr.Markdown(key("ui.about.text"), elem_id="about")
