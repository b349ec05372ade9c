"""The whole page: its head, its tabs, its look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.widgets import key
from kohya_gui.i18n.language import COOKIE
from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import page_translations
from kohya_gui.tabs.about import build_about_tab
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.tensorboard import build_tensorboard_tab
from kohya_gui.tabs.tools import build_tools_tab
from kohya_gui.tabs.train import build_train_tab

ASSETS = Path(__file__).parent / "assets"
# No font of Chinese or Japanese letters: the browser chooses one by the page's language, since their shapes differ.
FONTS = ("system-ui", "Segoe UI", "Noto Sans", "sans-serif")
MONOSPACE = ("ui-monospace", "Consolas", "Menlo", "DejaVu Sans Mono", "monospace")


def build_page(context: PageContext) -> gr.Blocks:
    """The page as gradio blocks, ready to be mounted with `page_options`."""
    with gr.Blocks(title="Crucible", fill_width=True, analytics_enabled=False) as page:
        gr.HTML(_header(context), elem_id="header")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(key("ui.tab.train"), id="train", elem_id="tab-train"):
                build_train_tab(page, context)
            with gr.Tab(key("ui.tab.tools"), id="tools", elem_id="tab-tools"):
                build_tools_tab(page, context)
            with gr.Tab(key("ui.tab.tensorboard"), id="tensorboard", elem_id="tab-tensorboard") as tensorboard:
                build_tensorboard_tab(tensorboard, context.tensorboard_path)
            with gr.Tab(key("ui.tab.about"), id="about", elem_id="tab-about"):
                build_about_tab()
    return page


def page_options() -> dict[str, Any]:
    """The page's style, script and texts: the keyword arguments that gradio takes when the page is served."""
    theme = gr.themes.Default(
        primary_hue="orange", secondary_hue="slate", neutral_hue="slate", spacing_size="sm", radius_size="md",
        text_size="sm", font=FONTS, font_mono=MONOSPACE,
    )  # fmt: skip
    return {
        "css_paths": [ASSETS / "page.css"],
        "js": (ASSETS / "page.js").read_text(encoding="utf-8"),
        "theme": theme,
        "i18n": gr.I18n(**page_translations()),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
    }


def _header(context: PageContext) -> Markup:
    """The name, and the languages unless one is given on the command line."""
    offered = {} if context.language else languages()
    links = Markup(" · ").join(_language_link(code, name) for code, name in offered.items())
    return Markup('<div class="brand"><b>Crucible</b><span class="languages">{}</span></div>').format(links)


def _language_link(code: str, name: str) -> Markup:
    cookie = json.dumps(f"{COOKIE}={code};path=/;max-age=31536000;samesite=lax")
    action = f"document.cookie={cookie};location.reload();return false"
    link = '<a href="#" lang="{code}" id="language-{code}" onclick="{action}">{name}</a>'
    return Markup(link).format(code=code, action=action, name=name)
