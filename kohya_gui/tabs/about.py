"""The Guide tab: the guide of docs/ in the page's language, from set-up to a LoRA in a WebUI."""

from __future__ import annotations

import re
from pathlib import Path

import gradio as gr

from kohya_gui.i18n.languages import ENGLISH, languages
from train_core.config.places import app_dir

ANCHOR = "h-"  # what gradio puts before the anchors of headings
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)[^)]+\)")  # to another page of the docs, which is not served here


def build_about_tab() -> None:
    """Every guide there is, of which `hidden_guides` leaves one to see."""
    for language, path in guides().items():
        gr.Markdown(guide_text(path), elem_id=f"guide-{language}", elem_classes="guide", header_links=True)


def guides() -> dict[str, Path]:
    """The guides by their languages; none in a copy of the program without docs/."""
    docs = app_dir() / "docs"
    paths = {tag: docs / ("" if tag == ENGLISH else tag) / "guide.md" for tag in languages()}
    return {tag: path for tag, path in paths.items() if path.is_file()}


def guide_text(path: Path) -> str:
    """The guide's Markdown, its contents with gradio's anchors, and names of other pages in place of links to them."""
    return LINK.sub(r"\1", path.read_text(encoding="utf-8")).replace("](#", f"](#{ANCHOR}")


def hidden_guides() -> str:
    """Rules that hide all guides but that of the page's language, or the English one where it has none."""
    there = guides()
    return "\n".join(
        f".block.guide:lang({tag}):not(#guide-{tag if tag in there else ENGLISH}) {{ display: none !important; }}"
        for tag in languages()
    )
