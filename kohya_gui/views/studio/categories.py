"""The dialog about categories of tags as HTML: in which order captions are sorted by them, and which tags they have."""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined
from train_core.studio.words.categories import CATEGORIES, ORDERS


def categories_html(language: str) -> Markup:
    """The frame of the dialog; scripts fill in the order and the tags."""

    def said(name: str) -> str:
        return text(f"ui.data.{name}", language)

    orders = joined(
        Markup('<button type="button" class="small" data-order="{}">{}</button>').format(one, said(f"order_{one}"))
        for one in ORDERS
    )
    return Markup(
        '<dialog id="studio-categories" class="card" aria-labelledby="studio-categories-title"><header>'
        '<h3 id="studio-categories-title">{title}</h3><button type="button" class="icon" data-shut '
        'aria-label="{close}">×</button></header><p class="lead">{lead}</p><div class="ready">{orders}</div>'
        '<div class="told-here" id="studio-categories-refused" role="alert"></div>'
        '<div class="both"><ol id="studio-categories-order"></ol><div><h4>{own}</h4><p class="lead">{own_lead}</p>'
        '<form id="studio-categories-add"><input name="tag" type="text" autocomplete="off" spellcheck="false" '
        'maxlength="200" data-complete="tag" aria-autocomplete="list" placeholder="{tag}" aria-label="{tag}">'
        '<select name="category" aria-label="{category}">{options}</select>'
        '<button type="submit" class="small">{add}</button></form><div id="studio-categories-own"></div></div></div>'
        "</dialog>"
    ).format(
        title=said("categories"), close=said("close"), lead=said("categories_lead"), orders=orders,
        own=said("categories_own"), own_lead=said("categories_own_lead"), tag=said("bulk_tag"),
        category=said("category"), options=category_options(language), add=said("categories_add"),
    )  # fmt: skip


def category_options(language: str) -> Markup:
    """All categories as choices."""
    return joined(
        Markup('<option value="{}">{}</option>').format(one, text(f"ui.data.category_{one}", language))
        for one in CATEGORIES
    )
