"""The queue as HTML: what may be set about all of it, and a row for each of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.runs.queue.listing import Listed
from kohya_gui.runs.queue.queue_file import MOST_AT_ONCE, Queue, WhenEmpty
from kohya_gui.runs.queue.times import clock
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import badge, button, note, option

MOST_OFFERED = 4  # runs at once, unless more are set
Rows = list[tuple[str, Markup]]  # each row by the name of its run


def queue_head_html(queue: Queue, runs: Sequence[Listed], is_run: bool, language: str) -> Markup:
    """How many runs wait, and the choices about the whole queue."""
    waiting = sum(one.standing == "waiting" for one in runs)
    said = text("ui.queue.count", language, count=waiting) if waiting else text("ui.queue.none_waits", language)
    pause = button("queue_go" if queue.paused else "queue_pause", "", language)
    warnings = [text("ui.queue.is_paused", language)] if queue.paused else []
    warnings += [text("ui.queue.nobody", language)] if waiting and not queue.paused and not is_run else []
    return Markup(
        '<h3 class="runs-title">{}</h3><span class="soft" id="queue-count">{}</span>{}<span class="runs-space"></span>'
        '<label>{} <select data-act="at_once" id="queue-at-once">{}</select></label>'
        '<label>{} <select data-act="when_empty" id="queue-when-empty">{}</select></label>{}'
    ).format(
        text("ui.queue.title", language), said,
        joined(Markup('<span class="pill warning">{}</span>').format(words) for words in warnings),
        text("ui.queue.at_once", language), _numbers(queue.at_once),
        text("ui.queue.when_empty", language), _endings(queue, language), pause,
    )  # fmt: skip


def _numbers(chosen: int) -> Markup:
    offered = sorted({*range(1, MOST_OFFERED + 1), min(chosen, MOST_AT_ONCE)})
    return joined(option(str(number), str(number), number == chosen) for number in offered)


def _endings(queue: Queue, language: str) -> Markup:
    """What can be done at the end. A command is typed in a terminal, so whoever reaches the page cannot run one."""
    offered = [what for what in get_args(WhenEmpty) if what != "command" or queue.command]
    shown = {"command": " ".join(queue.command)}
    return joined(
        option(what, text(f"ui.queue.end.{what}", language, command=shown.get(what, "")), what == queue.when_empty)
        for what in offered
    )


def queue_end_html(queue: Queue, language: str) -> Markup:
    """What is being done at the end: the minute before switching off, and what went wrong. The page counts down."""
    trouble = note("error", message(queue.trouble, language)) if queue.trouble is not None else Markup("")
    emptied = Markup('<span id="queue-emptied" data-at="{:.0f}" data-when="{}" data-words="{}" hidden></span>').format(
        queue.emptied, queue.when_empty, text("ui.queue.emptied", language)
    )
    if not queue.power_off_at:
        return trouble + emptied
    return trouble + emptied + Markup(
        '<div class="power-off" role="alert"><span>{} <b data-until="{:.0f}"></b></span>{}</div>'
    ).format(text("ui.queue.power_off", language), queue.power_off_at, button("stay_on", "", language, "primary"))


def queue_rows(runs: Sequence[Listed], now: float, language: str) -> Rows:
    """A row for each run that waits, runs or could not be started; `now` is in Unix seconds."""
    shown = [one for one in runs if one.info is not None and one.standing not in ("ended", "gone")]
    last = len(runs) - 1
    places = {one.entry.run: place for place, one in enumerate(runs)}
    return [(one.entry.run, _row(one, places[one.entry.run], last, now, language)) for one in shown]


def _row(one: Listed, place: int, last: int, now: float, language: str) -> Markup:
    assert one.info is not None  # `queue_rows` leaves the others out
    return Markup(
        '<span class="place">{}</span><span class="run-name"><b>{}</b><small>{}</small>{}</span>{}{}'
        '<span class="run-acts">{}</span>'
    ).format(
        place + 1, one.info.name, _detail(one, now, language),
        joined(note("error", message(found, language)) for found in one.entry.refused),
        _state(one, language), _bar(one) if one.standing == "running" else "",
        _acts(one, place, last, language),
    )  # fmt: skip


def _state(one: Listed, language: str) -> Markup:
    if one.standing == "refused":
        return badge("failed", text("ui.queue.refused", language))
    status = one.info.status if one.standing == "running" and one.info else "queued"
    return badge(status, text(f"ui.status.{status}", language))


def _bar(one: Listed) -> Markup:
    assert one.info is not None
    share = one.info.step / one.info.total_steps if one.info.total_steps else 0.0
    return Markup('<span class="bar" title="{} / {}"><div style="width:{:.0f}%"></div></span>').format(
        one.info.step, one.info.total_steps, 100 * min(1.0, share)
    )


def _detail(one: Listed, now: float, language: str) -> str:
    if one.standing == "running" and one.info is not None and one.info.total_steps:
        return text("ui.queue.step", language, step=f"{one.info.step:,}", total=f"{one.info.total_steps:,}")
    if one.entry.not_before > now:
        return text("ui.queue.not_before", language, time=clock(one.entry.not_before, now))
    return f"{one.info.created:%Y-%m-%d %H:%M}" if one.info is not None else ""


def _acts(one: Listed, place: int, last: int, language: str) -> Markup:
    run = one.entry.run
    moves = [button("up", run, language, disabled=place == 0), button("down", run, language, disabled=place == last)]
    if one.standing == "running":
        asks = ("pause", "stop") if one.info is not None and one.info.status == "running" else ()
        return joined([*(button(act, run, language) for act in asks), *moves])
    again = [button("retry", run, language)] if one.standing == "refused" else []
    return joined([*again, *moves, *(button(act, run, language) for act in ("at", "edit", "load", "remove"))])
