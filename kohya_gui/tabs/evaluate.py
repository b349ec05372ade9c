"""The Evaluate tab. assets/evaluate.js loads it from the routes of server/evaluate/ once it is seen."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

SHELL = Markup('<div id="evaluate-place"></div>')


def build_evaluate_tab() -> None:
    """Lay out the tab. Its frame (views/evaluate/frame.py) comes in the browser's language once somebody looks."""
    gr.HTML(SHELL, elem_id="evaluate", padding=False)
