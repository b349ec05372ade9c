"""The Data tab: the dataset studio. assets/studio.js loads it from the routes of server/studio.py once it is seen."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

SHELL = Markup('<div id="studio-place"></div>')


def build_data_tab() -> None:
    """Lay out the tab. Its frame (views/studio/frame.py) comes in the browser's language once somebody looks."""
    gr.HTML(SHELL, elem_id="studio", padding=False)
