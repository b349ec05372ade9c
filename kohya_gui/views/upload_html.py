"""What has become of files that were uploaded, as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from kohya_gui.files.uploads import Report
from kohya_gui.files.zips import Left
from kohya_gui.i18n.messages import say, text
from kohya_gui.views.markup import joined
from kohya_gui.views.row_parts import note

MOST_NAMED = 8


def report_html(report: Report, language: str) -> Markup:
    """How many files were added where, and what became of the others."""
    lines = [note("notice", text("ui.upload.added", language, count=report.added, folder=str(report.folder)))]
    if report.same:
        lines.append(note("notice", text("ui.upload.same", language, count=report.same)))
    if report.renamed:
        names = _listed([f"{sent} → {name}" for sent, name in report.renamed], language)
        words = text("ui.upload.renamed", language, count=len(report.renamed))
        lines.append(note("notice", Markup("{}{}").format(words, names)))
    return joined(lines) + left_html(report.left, language)


def left_html(left: Sequence[Left], language: str) -> Markup:
    """The files that were not taken, by the reason why."""
    by_reason: dict[str, list[str]] = {}
    for one in left:
        by_reason.setdefault(str(say(one.reason, language)), []).append(one.name)
    return joined(
        note("warning", Markup("{}{}").format(
            text("ui.upload.left", language, count=len(names), reason=reason), _listed(names, language)
        ))
        for reason, names in by_reason.items()
    )  # fmt: skip


def _listed(names: Sequence[str], language: str) -> Markup:
    more = len(names) - MOST_NAMED
    shown = [*names[:MOST_NAMED], *([text("ui.upload.more", language, count=more)] if more > 0 else [])]
    return Markup("<ul>{}</ul>").format(joined(Markup("<li>{}</li>").format(name[:200]) for name in shown))
