"""Which dataset a sample picture shall go to, as HTML: the contents of a small dialog (assets/to_data.js)."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined
from train_core.studio.dataset import Dataset


def to_data_html(sets: Sequence[Dataset], language: str) -> Markup:
    """A button for each dataset, or how to get one."""
    buttons = joined(
        Markup('<button type="button" class="small" data-set="{}"><b>{}</b><small>{}</small></button>').format(
            one.id, one.name, str(one.sources[0])
        )
        for one in sets
    )
    return Markup(
        '<h3>{}</h3><p class="soft">{}</p><div class="sets">{}</div><div class="dialog-error" role="alert"></div>'
        '<div class="dialog-buttons"><button type="button" class="small" data-close>{}</button></div>'
    ).format(
        text("ui.to_data", language), text("ui.to_data.lead" if sets else "ui.to_data.none", language), buttons,
        text("ui.dialog.close", language),
    )  # fmt: skip


def to_data_button(run: str, name: str, language: str) -> Markup:
    """The button on a sample picture of a run."""
    return Markup('<button type="button" class="to-data" data-to-data="{}" data-run="{}" title="{}" aria-label="{}">+'
                  "</button>").format(name, run, text("ui.to_data", language), text("ui.to_data", language))
