"""Everything that is wrong, odd or could be better, with the buttons that cure it and the files concerned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from kohya_gui.form.form_facts import problem_html
from kohya_gui.i18n.messages import say, text
from kohya_gui.plan.plan import Plan
from kohya_gui.views.cure_html import cure_html
from kohya_gui.views.markup import joined
from train_core.facts.advice import Advice, cure_of

MOST_FILES = 50
# Warnings that say of single folders what the lint says of all captions.
SAID_BY_FOLDER = frozenset({
    "captions_missing", "captions_missing_altogether", "captions_with_other_ending", "captions_with_doubled_ending",
})  # fmt: skip


def notes_html(plan: Plan, language: str) -> Markup:
    """A line for each error, warning, oddity, hint and notice, in this order."""
    notes = [_note(kind, advice, language) for kind, advice in all_notes(plan)]
    if not notes:
        return Markup('<div class="plan-empty">{}</div>').format(text("ui.plan.notes.none", language))
    return joined(notes)


def all_notes(plan: Plan) -> Iterator[tuple[str, Advice]]:
    """Every note with its kind: bad, warn, hint or info."""
    checked = plan.checked
    values = checked.config.flat()
    codes = {found.code for found in checked.warnings}
    for kind, problems in (("bad", checked.errors), ("warn", checked.warnings)):
        yield from ((kind, Advice(found, cure_of(found, values))) for found in problems)
    for advice in plan.lint:
        if advice.code != "lint_missing" or not codes & SAID_BY_FOLDER:
            yield "warn", advice
    yield from (("hint", advice) for advice in plan.hints)
    yield from (("info", Advice(found, cure_of(found, values))) for found in checked.notices)


def _note(kind: str, advice: Advice, language: str) -> Markup:
    return Markup(
        '<div class="plan-note"><span class="plan-dot {kind}"></span><div>{words} {cure}{source}{files}</div></div>'
    ).format(
        kind=kind, words=problem_html(advice.found, language), cure=cure_html(advice.cure, language),
        source=_source(advice, language), files=_files(advice.files, language),
    )  # fmt: skip


def _source(advice: Advice, language: str) -> Markup:
    if not advice.source:
        return Markup("")
    words = text("ui.plan.source", language, source=say(advice.source, language))
    return Markup('<small class="plan-source">{}</small>').format(words)


def _files(files: Sequence[Path], language: str) -> Markup:
    """The files concerned, folded away."""
    if len(files) < 2:
        return Markup("")
    rest = len(files) - MOST_FILES
    more = Markup("<li>{}</li>").format(text("ui.plan.files.more", language, count=rest)) if rest > 0 else ""
    return Markup('<details class="plan-files"><summary>{}</summary><ul>{}{}</ul></details>').format(
        text("ui.plan.files", language, count=len(files)),
        joined(Markup('<li title="{}">{}</li>').format(path, path.name) for path in files[:MOST_FILES]), more,
    )
