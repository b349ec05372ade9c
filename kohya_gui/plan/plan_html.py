"""The panel "what will happen": figures, notes, images, buckets, learning rates and strength of a form.

`notes_card` and `plan_html` are the panel; the other cards are functions of their own in the files beside it.
"""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.form.form_facts import step_words
from kohya_gui.i18n.messages import text
from kohya_gui.plan.figures_html import figures_html
from kohya_gui.plan.notes_html import all_notes, notes_html
from kohya_gui.plan.pictures_html import Pictures, buckets_html, cropped_text, folders_html
from kohya_gui.plan.plan import Plan
from kohya_gui.plan.rates_html import rates_html, strengths_html
from kohya_gui.views.markup import joined


def notes_card(plan: Plan, language: str) -> Markup:
    """All that is wrong, odd or worth knowing; nothing where nothing is."""
    if not any(all_notes(plan)):
        return Markup("")
    title = "ui.plan.notes.bad" if plan.checked.errors else "ui.plan.notes"
    return Markup('<div class="plan">{}</div>').format(_card(text(title, language), notes_html(plan, language)))


def plan_html(plan: Plan, language: str, pictures: Pictures | None = None) -> Markup:
    """The figures in `language`; `pictures` gives the address of an image's thumbnail, without it there are none."""
    cards = [
        _card(text("ui.plan.title", language), figures_html(plan, language), _steps(plan, language)),
        _images_card(plan, language, pictures),
        _card(text("ui.plan.rates", language), rates_html(plan, language), strengths_html(plan, language)),
    ]
    return Markup('<div class="plan">{}</div>').format(joined(cards))


def _card(title: str, *content: Markup | str, note: str = "") -> Markup:
    small = Markup(" <small>{}</small>").format(note) if note else ""
    return Markup('<section class="plan-card"><h3>{}{}</h3>{}</section>').format(title, small, joined(content))


def _steps(plan: Plan, language: str) -> Markup:
    return Markup('<div class="plan-formula">{}</div>').format(step_words(plan.checked, language))


def _images_card(plan: Plan, language: str, pictures: Pictures | None) -> Markup:
    """The folders, and the buckets that their images are sorted into; nothing without images."""
    if plan.chart is None:
        return Markup("")
    return joined([
        _card(text("ui.plan.images", language), folders_html(plan, language, pictures)),
        _card(
            text("ui.plan.buckets", language), buckets_html(plan.chart, language),
            note=cropped_text(plan.chart, language),
        ),
    ])  # fmt: skip
