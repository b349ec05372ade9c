"""The report on an imported file as one panel: what it is, what needs an answer, and what became of each key; or of the
facts in a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.import_words import Group, Row, groups_of, heading, label, notes
from kohya_gui.views.markup import joined
from train_core.config.interop.imports.report import Import

OPEN = ("needs", "not_understood")
MOST_LEFT, LONGEST = 20, 200  # facts of a picture that are named, and letters of each


def report_html(found: Import, language: str) -> Markup:
    """The panel in `language`: a heading with the counts, and the groups; those that ask for something are open."""
    groups = groups_of(found, language)
    told = joined(Markup('<p class="import-note">{}</p>').format(note) for note in notes(found, language))
    return Markup(
        '<section class="import"><h3>{title}</h3><p class="import-counts">{counts}</p>{told}{groups}</section>'
    ).format(
        title=heading(found, language),
        counts=joined(_count(group) for group in groups),
        told=told,
        groups=joined(_group_html(group, language) for group in groups),
    )


def picture_html(name: str, filled: int, missing: Sequence[str], left: Mapping[str, str], language: str) -> Markup:
    """The report on the picture called `name`: `missing` models were not found, no setting has the facts `left`."""
    notes = [text("ui.picture.missing", language, name=model) for model in missing]
    rows = joined(
        Markup("<dt>{}</dt><dd>{}</dd>").format(fact[:LONGEST], value[:LONGEST])
        for fact, value in list(left.items())[:MOST_LEFT]
    )
    return Markup(
        '<section class="import picture-said"><button type="button" class="close" aria-label="{close}">×</button>'
        "<h3>{name}</h3><p>{filled}</p>{notes}{left}</section>"
    ).format(
        close=text("ui.close", language), name=name, filled=text("ui.picture.filled", language, count=filled),
        notes=joined(Markup('<p class="import-note">{}</p>').format(note) for note in notes),
        left=Markup('<p class="import-note">{}</p><dl>{}</dl>').format(text("ui.picture.left", language), rows)
        if rows else "",
    )  # fmt: skip


def _count(group: Group) -> Markup:
    return Markup('<span class="import-count {}"><b>{}</b> {}</span>').format(group.kind, group.count, group.title)


def _group_html(group: Group, language: str) -> Markup:
    rows = joined(_row(row, language) for row in group.rows)
    quiet = joined(
        Markup('<p class="import-quiet">{}</p>').format(text("ui.import.quiet", language, reason=why, count=count))
        for why, count in group.quiet
    )
    return Markup(
        '<details class="import-group {kind}" id="import-{kind}"{open}><summary>{title} <b>{count}</b></summary>'
        "<dl>{rows}</dl>{quiet}</details>"
    ).format(
        kind=group.kind, open=Markup(" open") if group.kind in OPEN else "", title=group.title, count=group.count,
        rows=rows, quiet=quiet,
    )  # fmt: skip


def _row(row: Row, language: str) -> Markup:
    """A key with its value, the settings that it became, and the reason; `data-setting` is what waits for an answer."""
    own = Markup("{} <span>{}</span>").format(_name(row.name, language), row.value)
    became = joined(
        Markup('<span class="import-became">{} <b>{}</b></span>').format(_name(name, language), value)
        for name, value in row.became
    )
    arrow = Markup('<i aria-hidden="true">→</i> ') if row.became and row.value else ""
    note = Markup("<small>{}</small>").format(row.note) if row.note else ""
    if not row.value and row.became:
        return Markup("<dt>{}</dt><dd>{}</dd>").format(became, note)
    asked = Markup(' data-setting="{}"').format(row.asked) if row.asked else ""
    return Markup("<dt{}>{}</dt><dd>{}{}{}</dd>").format(asked, own, arrow, became, note)


def _name(name: str, language: str) -> Markup:
    """A setting by its label and name, a key of another program by its name alone."""
    said = label(name, language)
    code = Markup("<code>{}</code>").format(name)
    return Markup("{} {}").format(said, code) if said else code
