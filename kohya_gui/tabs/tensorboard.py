"""The TensorBoard tab: TensorBoard's own page in a frame, through this page's port."""

from __future__ import annotations

import json

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import QUIET

# TensorBoard's own settings, as its page keeps them in the browser. "Reload data" is off where nobody has switched it
# on: curves would stand still, and a run just started stay unseen. Light or dark is that of our page when it is opened.
# On a phone the curves have the room, and its settings are folded away.
SETTINGS = "_tb_global_settings"
SUIT = f"""
const kept = JSON.parse(localStorage["{SETTINGS}"] ?? "{{}}");
const theme = document.body.classList.contains("dark") ? "dark" : "light";
const suits = {{autoReload: true, timeSeriesSettingsPaneOpened: innerWidth > 900, ...kept, theme}};
if (!shown) localStorage["{SETTINGS}"] = JSON.stringify(suits);
"""


def build_tensorboard_tab(tab: gr.Tab, address: str) -> None:
    """An empty frame that is filled when `tab` is first opened, so that nobody waits for TensorBoard before."""
    frame = gr.HTML(elem_id="tensorboard-frame")
    iframe = Markup('<iframe src="{}" title="TensorBoard"></iframe>').format(address)
    show = f"(shown) => {{ {SUIT} return [shown || {json.dumps(iframe)}] }}"
    tab.select(None, [frame], [frame], js=show, **QUIET)
