"""What the Data tab says of an open dataset: what undo would take back, and what filters are called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from kohya_gui.i18n.messages import dictionary, say, text
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import note
from train_core.config import phrases
from train_core.config.problems import Problem
from train_core.studio.decisions import KINDS, Step
from train_core.studio.proofreading import Finding

KINDS_OF_EDITS = ("edit", "add", "remove", "rename", "front", "replace", "bind", "sort", "once", "tagger",
                  "captioner", "convert", "listed", "prompts")
MARK_NAMES = {"k": "keep", "r": "reject", "s": "skip", ".": "undecided"}
MOST_NOTES, MOST_NAMES = 5, 3


def step_text(step: Step | None, language: str) -> str:
    """What a step was, in a few words; "" for none."""
    if step is None:
        return ""
    pictures = step.words.get("pictures")
    count = f"{pictures if type(pictures) is int else len(step.change):,}"
    value = str(step.words.get("value") or "")
    if step.kind == "mark":
        return text(f"ui.studio.step.{MARK_NAMES.get(value, 'undecided')}", language, count=count)
    if step.kind in KINDS:
        key = step.kind if value or KINDS[step.kind].drawn else f"no_{step.kind}"
        named = dictionary(language).get(f"ui.data.kind_{value}", value)  # the usual shots have words of the language
        return text(f"ui.studio.step.{key}", language, count=count, **{step.kind: named})
    do = step.words.get("do")
    known = str(do) if do in KINDS_OF_EDITS else "edit"
    tag, into, tagger = (str(step.words.get(name) or "") for name in ("tag", "into", "tagger"))
    return text(f"ui.studio.step.{known}", language, count=count, tag=tag, into=into, tagger=tagger)


def facet_text(facet: str, language: str) -> str:
    """What a filter that is offered is called."""
    return text(f"ui.studio.facet.{facet}", language)


def finding_text(finding: Finding, language: str) -> str:
    """What proofreading has found, in a sentence."""
    because = joined_names(finding.because, language)
    return text(
        f"ui.studio.finding.{finding.kind}", language, tag=finding.tag, because=because, count=len(finding.pictures)
    )


def joined_names(names: Sequence[str], language: str) -> str:
    """A few of the names, with the language's own comma."""
    return say(phrases.joined("comma", names[:MOST_NAMES]), language)


def notes_html(left: Iterable[Problem], language: str) -> Markup:
    """What was left as it is, the first few by name."""
    found = list(left)
    shown = joined(note("warning", message(one, language)) for one in found[:MOST_NOTES])
    if len(found) > MOST_NOTES:
        shown += note("warning", text("ui.studio.more_left", language, count=f"{len(found) - MOST_NOTES:,}"))
    return shown
