"""The TensorBoard tab: TensorBoard's own page in a frame, through this page's port."""

from __future__ import annotations

import html
import json

import gradio as gr


def build_tensorboard_tab(tab: gr.Tab, address: str) -> None:
    """An empty frame that is filled when `tab` is first opened, so that nobody waits for TensorBoard before."""
    frame = gr.HTML(elem_id="tensorboard-frame")
    iframe = f'<iframe src="{html.escape(address, quote=True)}" title="TensorBoard"></iframe>'
    tab.select(None, [frame], [frame], js=f"(shown) => [shown || {json.dumps(iframe)}]", show_progress="hidden")
