"""A list whose choices come once the page is open."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

import gradio as gr


def filled_dropdown(elem_id: str) -> gr.Dropdown:
    """An empty list; what is chosen in it is for its handler to check.

    gradio itself would refuse a choice that its list has lost meanwhile, or that was made on a page that was open
    before the server was started again.
    """
    dropdown: gr.Dropdown = _FilledDropdown([], show_label=False, container=False, elem_id=elem_id, interactive=True)
    return dropdown


def _chosen(dropdown: gr.Dropdown, payload: Any) -> str | None:
    return payload if isinstance(payload, str) else None


# A class and not a changed object, since gradio makes each page's list anew from its class with every update of it.
# Made by ABCMeta, since gradio's own metaclass would write a stub beside this file. A template is drawn as its base is.
_FilledDropdown = ABCMeta.__new__(
    type(gr.Dropdown), "_FilledDropdown", (gr.Dropdown,), {"preprocess": _chosen, "is_template": True}
)
