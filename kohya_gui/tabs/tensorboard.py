"""The TensorBoard tab: TensorBoard's own page in a frame, through this page's port."""

from __future__ import annotations

import json

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import QUIET

# TensorBoard's own setting "Reload data", which is off: curves would stand still, and a run just started stay unseen.
# What the user sets there is kept under another name and wins.
KEEP_UP = """localStorage['_tb_global_settings'] ??= '{"autoReload":true}'"""


def build_tensorboard_tab(tab: gr.Tab, address: str) -> None:
    """An empty frame that is filled when `tab` is first opened, so that nobody waits for TensorBoard before."""
    frame = gr.HTML(elem_id="tensorboard-frame")
    iframe = Markup('<iframe src="{}" title="TensorBoard"></iframe>').format(address)
    show = f"(shown) => {{ {KEEP_UP}; return [shown || {json.dumps(iframe)}] }}"
    tab.select(None, [frame], [frame], js=show, **QUIET)
