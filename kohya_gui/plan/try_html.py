"""What a try has found: time, memory and who holds it, the largest batch, and buttons for the values to set."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.plan.figures_html import UNKNOWN, Figure, in_a_row
from kohya_gui.views.cure_html import cure_html
from kohya_gui.views.markup import joined
from kohya_gui.views.run_html import duration_text
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import JOINTS
from train_core.events.kinds import Tried
from train_core.facts.advice import Cure

SETTINGS = frozenset(setting.name for setting in TrainConfig.settings())


def other_try_html(result: Tried, language: str) -> Markup:
    """The card of a try of other settings than those in the form."""
    return Markup('<section class="plan-card try"><h3>{} <small>{}</small></h3>{}</section>').format(
        text("ui.try.title", language), result.card, _line(text("ui.try.other", language))
    )


def try_html(result: Tried, language: str, now: datetime | None = None, *, whole: bool = True) -> Markup:
    """The card of a try in `language`; `now` is when the training would start, which is `whole` as long as then."""
    lines = (_too_large, _held, _batch, _values)
    return Markup('<section class="plan-card try"><h3>{} <small>{}</small></h3>{}{}{}</section>').format(
        text("ui.try.title", language), result.card,
        in_a_row(_figures(result, language, now or datetime.now(), whole)), _bar(result, language),
        joined(line(result, language) for line in lines),
    )  # fmt: skip


def _figures(result: Tried, language: str, now: datetime, whole: bool) -> Iterator[Figure]:
    if result.seconds_per_step is not None:
        seconds = text("ui.try.seconds", language, seconds=f"{result.seconds_per_step:.3g}")
        yield Figure(text("ui.try.step", language), seconds, text("ui.try.step.note", language, steps=result.steps))
    if result.seconds is not None and whole:
        note = text("ui.try.whole.note", language, steps=f"{result.total_steps:,}", pictures=result.pictures)
        yield Figure(text("ui.try.whole", language), duration_text(result.seconds), note)
        ends = _hour(now, result.seconds)
        yield Figure(text("ui.try.ends", language), ends, text("ui.try.ends.note", language))
    if result.peak_memory is not None:
        free, total = bytes_text(result.free_memory), bytes_text(result.total_memory)
        name = text(f"ui.try.memory{_where(result)}", language)
        note = text("ui.try.memory.note", language, free=free, total=total)
        yield Figure(name, bytes_text(result.peak_memory), note)


def _where(result: Tried) -> str:
    """End of the keys of texts about memory, which is the computer's or a card's."""
    return "" if result.device == "cpu" else ".card"


def _hour(now: datetime, seconds: float) -> str:
    """The hour `seconds` from `now`, with its day unless that is today."""
    try:
        ends = now + timedelta(seconds=seconds)
    except OverflowError:
        return UNKNOWN  # further off than any calendar
    return f"{ends:%H:%M}" if ends.date() == now.date() else f"{ends:%Y-%m-%d %H:%M}"


def _bar(result: Tried, language: str) -> Markup:
    """The memory as a bar: what others hold, and what the training takes of the rest."""
    total = result.total_memory
    if total <= 0 or result.peak_memory is None:
        return Markup("")
    others = min(100.0, max(0.0, 100 * (1 - result.free_memory / total)))
    own = min(100.0 - others, max(0.0, 100 * result.peak_memory / total))
    return Markup(
        '<div class="try-memory" role="img" aria-label="{label}"><i class="others" style="width:{others:.1f}%"></i>'
        '<i class="own" style="width:{own:.1f}%"></i></div>'
    ).format(label=text("ui.try.bar", language, own=f"{own:.0f}", others=f"{others:.0f}"), others=others, own=own)


def _line(words: str, kind: str = "") -> Markup:
    return Markup('<div class="try-line {}">{}</div>').format(kind, words)


def _too_large(result: Tried, language: str) -> Markup:
    return Markup("") if result.fits else _line(
        text(f"ui.try.too_large{_where(result)}", language, batch=result.batch_size), "bad"
    )


def _held(result: Tried, language: str) -> Markup:
    if not result.holders:
        return Markup("")
    each = JOINTS["comma"].join(f"{name} {bytes_text(size)}" for name, size in result.holders.items())
    return _line(text(f"ui.try.held{_where(result)}", language, holders=each))


def _batch(result: Tried, language: str) -> Markup:
    if result.largest_batch is None:
        return Markup("")
    key = "ui.try.batch" if result.largest_was_done else "ui.try.batch.expected"
    return _line(text(key, language, batch=result.largest_batch))


def _values(result: Tried, language: str) -> Markup:
    """A button for each value to set."""
    cures = [
        Cure(name, value) for name, value in result.values.items()
        if name in SETTINGS and isinstance(value, bool | int | float | str)
    ]  # fmt: skip
    if not cures:
        return Markup("")
    return Markup('<div class="try-values">{}</div>').format(joined(cure_html(cure, language) for cure in cures))
