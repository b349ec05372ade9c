"""The figures on top of the panel: large numbers, each with its word above it and its reason or basis below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from markupsafe import Markup

from kohya_gui.i18n.messages import text, translate
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.plan.plan import Plan
from kohya_gui.views.markup import joined
from kohya_gui.views.run_html import duration_text

UNKNOWN = "–"


class Figure(NamedTuple):
    """One number: the word above it, the number, and what it rests on or why there is none."""

    name: str
    value: str
    note: str = ""


def figures_html(plan: Plan, language: str) -> Markup:
    """All figures of the plan."""
    return in_a_row(figures(plan, language))


def in_a_row(shown: Iterable[Figure]) -> Markup:
    """Figures in one row that wraps."""
    cells = joined(
        Markup('<div class="plan-figure" title="{note}"><span>{name}</span><b>{value}</b><small>{note}</small></div>')
        .format(name=one.name, value=one.value, note=one.note)
        for one in shown
    )  # fmt: skip
    return Markup('<div class="plan-figures">{}</div>').format(cells)


def figures(plan: Plan, language: str) -> Iterator[Figure]:
    """The figures in the order in which people ask for them."""
    yield _steps(plan, language)
    yield _file(plan, language)
    yield _disk(plan, language)
    yield from _costs(plan, language)


def _steps(plan: Plan, language: str) -> Figure:
    name = text("ui.plan.steps", language)
    if plan.count is None or not plan.count.total:
        reason = "ui.plan.steps.wrong" if plan.checked.names_images else "ui.plan.steps.none"
        return Figure(name, UNKNOWN, text(reason, language))
    epochs = text("ui.plan.steps.note", language, epochs=plan.count.epochs, steps=f"{plan.count.steps_per_epoch:,}")
    return Figure(name, f"{plan.count.total:,}", epochs)


def _file(plan: Plan, language: str) -> Figure:
    name = text("ui.plan.file", language)
    if plan.file_bytes is None:
        return Figure(name, UNKNOWN, _no_size(plan, language))
    precision = plan.checked.config.output.save_precision
    note = text("ui.plan.file.note", language, count=plan.files, precision=precision)
    return Figure(name, bytes_text(plan.file_bytes), note)


def _no_size(plan: Plan, language: str) -> str:
    if plan.size_problem is not None:
        return translate(plan.size_problem, language)
    return text("ui.plan.no_model" if plan.measures is None else "ui.plan.file.unknown", language)


def _disk(plan: Plan, language: str) -> Figure:
    name = text("ui.plan.disk", language)
    if plan.free is None:
        return Figure(name, UNKNOWN, text("ui.plan.disk.none", language))
    needed = plan.files * (plan.file_bytes or 0) + plan.states_bytes
    key = "ui.plan.disk.full" if needed > plan.free else "ui.plan.disk.note"
    return Figure(name, bytes_text(plan.free), text(key, language, needed=bytes_text(needed)))


def _costs(plan: Plan, language: str) -> Iterator[Figure]:
    """Time and memory, as the same work took them before."""
    time, memory = text("ui.plan.time", language), text("ui.plan.memory", language)
    seconds = plan.expected.measured.seconds_per_step if plan.expected else None
    if plan.expected is None or seconds is None:
        yield Figure(time, UNKNOWN, text("ui.plan.time.none", language))
        return
    measured, when = plan.expected.measured, plan.expected.when
    steps = plan.count.total if plan.count else 0
    note = text(
        "ui.plan.time.run" if plan.expected.run else "ui.plan.time.tried", language,
        seconds=f"{seconds:.3g}", run=plan.expected.run, date=f"{when:%Y-%m-%d}" if when else UNKNOWN,
    )
    yield Figure(time, duration_text(steps * seconds) if steps else UNKNOWN, note)
    if measured.peak_memory:
        where = "computer" if measured.device == "cpu" else "card"
        yield Figure(memory, bytes_text(measured.peak_memory), text(f"ui.plan.memory.{where}", language))
