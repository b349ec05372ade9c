"""The whole page: its head, its tabs, its look."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from kohya_gui.form.controller import QUIET
from kohya_gui.form.widgets import key
from kohya_gui.i18n.language import COOKIE
from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import page_translations, text
from kohya_gui.tabs.about import build_about_tab, guides, hidden_guides
from kohya_gui.tabs.context import PageContext
from kohya_gui.tabs.data import build_data_tab
from kohya_gui.tabs.evaluate import build_evaluate_tab
from kohya_gui.tabs.runs import build_runs
from kohya_gui.tabs.settings import build_settings_tab
from kohya_gui.tabs.tensorboard import build_tensorboard_tab
from kohya_gui.tabs.tools import build_tools_tab
from kohya_gui.tabs.train import build_train_tab
from kohya_gui.views.markup import joined

ASSETS = Path(__file__).parent / "assets"
# Variables of gradio's theme by the token of assets/look.css that each of them gets.
COLOURS = {
    "bg": ("body_background_fill", "input_background_fill", "input_background_fill_focus"),
    "card": ("background_fill_primary", "block_background_fill", "panel_background_fill",
             "button_secondary_background_fill", "checkbox_background_color"),
    "chip": ("background_fill_secondary", "button_secondary_background_fill_hover", "table_even_background_fill"),
    "ink": ("body_text_color", "block_title_text_color", "button_secondary_text_color", "checkbox_label_text_color"),
    "soft": ("body_text_color_subdued", "block_info_text_color", "block_label_text_color"),
    "faint": ("input_placeholder_color",),
    "line": ("border_color_primary", "block_border_color", "input_border_color", "button_secondary_border_color",
             "panel_border_color", "checkbox_border_color"),
    "accent": ("color_accent", "button_primary_background_fill", "button_primary_border_color",
               "input_border_color_focus", "checkbox_background_color_selected", "checkbox_border_color_selected",
               "border_color_accent", "slider_color", "link_text_color"),
    "accent-soft": ("color_accent_soft", "checkbox_label_background_fill_selected"),
}  # fmt: skip
TOASTS = ("info", "warning", "error")
# No font of Chinese or Japanese letters: the browser chooses one by the page's language, since their shapes differ.
FONTS = ("system-ui", "Segoe UI", "Noto Sans", "sans-serif")
BELL = Markup(
    '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">'
    '<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15z"/><path d="M10 21h4"/></svg>'
)
MONOSPACE = ("ui-monospace", "Consolas", "Menlo", "DejaVu Sans Mono", "monospace")


def build_page(context: PageContext) -> gr.Blocks:
    """The page as gradio blocks, ready to be mounted with `page_options`."""
    with gr.Blocks(title="Crucible", fill_width=True, analytics_enabled=False) as page:
        gr.HTML(_header(context), elem_id="header")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab(key("ui.tab.train"), id="train", elem_id="tab-train"):
                form = build_train_tab(page, context)
            with gr.Tab(key("ui.tab.data"), id="data", elem_id="tab-data"):
                build_data_tab()
            with gr.Tab(key("ui.tab.runs"), id="runs", elem_id="tab-runs"):
                runs = build_runs()
            with gr.Tab(key("ui.tab.evaluate"), id="evaluate", elem_id="tab-evaluate"):
                evaluating = build_evaluate_tab(context)
            with gr.Tab(key("ui.tab.tools"), id="tools", elem_id="tab-tools"):
                build_tools_tab(page, context, evaluating)
            with gr.Tab(key("ui.tab.tensorboard"), id="tensorboard", elem_id="tab-tensorboard") as tensorboard:
                build_tensorboard_tab(tensorboard, context.tensorboard_path)
            with gr.Tab(key("ui.tab.settings"), id="settings", elem_id="tab-settings") as settings:
                build_settings_tab(settings, context)
            with gr.Tab(key("ui.tab.about"), id="about", elem_id="tab-about", visible=bool(guides())):
                build_about_tab()
        runs.load.input(form.open_file, [runs.load, *form.fields.inputs], form.filled, **QUIET)
    return page


def page_options() -> dict[str, Any]:
    """The page's style, script and texts: the keyword arguments that gradio takes when the page is served."""
    return {
        "css_paths": sorted(ASSETS.glob("*.css")),
        "css": f"{_toast_titles()}\n{hidden_guides()}",
        "js": f"() => {{\n{_scripts()}\n}}",
        "theme": theme(),
        "i18n": gr.I18n(**page_translations()),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
    }


def theme() -> gr.themes.Base:
    """gradio's theme with our colours, which assets/look.css gives for light and dark."""
    made = gr.themes.Base(
        primary_hue="orange", neutral_hue="stone", spacing_size="sm", radius_size="md", text_size="md", font=FONTS,
        font_mono=MONOSPACE,
    )  # fmt: skip
    known = signature(made.set).parameters  # some colours have none of their own for dark
    return made.set(**{
        name: f"var(--{token})" for token, names in COLOURS.items() for base in names
        for name in (base, f"{base}_dark") if name in known
    })  # fmt: skip


def _scripts() -> str:
    """All of assets/*.js, each in a scope of its own, that which the others use first."""
    files = sorted(ASSETS.glob("*.js"), key=lambda file: (file.name != "common.js", file.name))
    return "\n".join(f"(() => {{\n{file.read_text(encoding='utf-8')}\n}})();" for file in files)


def _toast_titles() -> str:
    """Rules that put our words over a toast, by the page's language: gradio itself writes its kind there in English."""
    return "\n".join(
        f'.toast-title.{kind}:lang({language})::before {{ content: "{text(f"ui.toast.{kind}", language)}"; }}'
        for kind in TOASTS for language in languages()
    )  # fmt: skip


def _header(context: PageContext) -> Markup:
    """The name, the languages unless one is given on the command line, the bell, and light or dark."""
    offered = {} if context.language else languages()
    links = joined(_language_link(code, name) for code, name in offered.items())
    return Markup(
        '<b class="name">Crucible</b><span class="languages">{}</span>'
        '<button id="notify" type="button" data-notify aria-pressed="false" aria-label="notifications">{}</button>'
        '<button id="theme" type="button" aria-label="light / dark">◐</button>'
    ).format(links, BELL)


def _language_link(code: str, name: str) -> Markup:
    return Markup('<a href="#" lang="{0}" id="language-{0}" data-language="{0}" data-cookie="{1}">{2}</a>').format(
        code, COOKIE, name
    )
