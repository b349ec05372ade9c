"""A list whose choices come once the page is open."""

from __future__ import annotations

from typing import Any

import gradio as gr


def filled_dropdown(elem_id: str) -> gr.Dropdown:
    """An empty list; what is chosen in it is for its handler to check.

    gradio itself would refuse whatever a page that was open before the server was started again has chosen, since it
    knows the choices of that page no longer.
    """
    dropdown = gr.Dropdown([], show_label=False, container=False, elem_id=elem_id, interactive=True)
    dropdown.preprocess = _chosen  # type: ignore[method-assign]
    return dropdown


def _chosen(payload: Any) -> str | None:
    return payload if isinstance(payload, str) else None
