"""The Guide tab: how to go from pictures to a LoRA in a few lines, and the whole guide in languages that have one."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr

from kohya_gui.form.widgets import key
from train_core.config.places import app_dir

LINK = re.compile(r"\[([^\]]+)\]\((?!https?:)[^)]+\)")  # to another page of the docs, which is not served here


def build_about_tab() -> None:
    """A short guide as Markdown, and below it those of docs/, each seen in its language alone (assets/page.css)."""
    gr.Markdown(key("ui.about.text"), elem_id="about")
    for path in guides():
        gr.Markdown(guide_text(path), elem_id=f"guide-{path.parent.name}", elem_classes="guide")


def guides() -> list[Path]:
    """The guides, in folders named by their languages. A copy of the program without docs/ has none."""
    return sorted((app_dir() / "docs").glob("*/guide.md"))


def guide_text(path: Path) -> str:
    """The guide's Markdown, with the names of other pages in place of links to them."""
    return LINK.sub(r"\1", path.read_text(encoding="utf-8"))
