"""The verdict beside a grid: which file at which weight, why, what to change, and all numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from markupsafe import Markup

from kohya_gui.i18n.messages import say, text
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import note
from train_core.config.problems import Problem
from train_core.facts.grids.effects import Effect
from train_core.facts.scores.marked import Key
from train_core.facts.scores.scores import FIDELITY, GAP, HELD_OUT, SPILL, TRAINED_GAIN, TRIGGER, Measure, Point, Scores
from train_core.facts.scores.verdict import Verdict, front
from train_core.facts.scores.words import in_words

COLUMNS = (FIDELITY, TRAINED_GAIN, GAP, SPILL, TRIGGER)
WIDTH, HEIGHT, EDGE = 340, 190, 26


def verdict_html(
    scores: Scores | None, verdict: Verdict | None, chosen: Key | None, grid: str, language: str
) -> Markup:
    """What there is to say of the files of the `grid` with that id; without scores, how to get some."""
    if scores is None or verdict is None:
        told = Markup('<p class="soft">{}</p>').format(_said("verdict_none", language))
        return Markup('<div class="card" id="evaluate-verdict"><h3>{}</h3>{}{}</div>').format(
            _said("verdict", language), told, _use(chosen, language)
        )
    notes = joined(_note("warn", one, language) for one in verdict.advice)
    reasons = joined(_note("", one, language) for one in verdict.reasons)
    return Markup(
        '<div class="card" id="evaluate-verdict"><h3>{}</h3><p>{}</p>{}{}</div>'
        '<div class="card" id="evaluate-front"><h3>{}</h3>{}</div>{}'
    ).format(
        _point_name(chosen, language) if chosen else _said("verdict", language), message(verdict.sentence, language),
        _differing(scores, verdict, grid, language), _use(chosen, language),
        _said("front", language), _chart(scores, chosen, language),
        Markup('<div class="card" id="evaluate-reasons">{}{}{}</div>').format(
            notes, reasons, _table(scores, language)
        ),
    )  # fmt: skip


def effects_html(found: Sequence[Effect], language: str) -> Markup:
    """How much each block of the adapter matters, the one that does most first."""
    if not found:
        return Markup("")
    rows = joined(
        Markup('<li><span>{}</span><span class="bar"><i style="width: {:.1f}%"></i></span><span>{:.0f} %</span></li>')
        .format(one.block, min(100.0, 100 * one.share), 100 * one.share)
        for one in found
    )  # fmt: skip
    return Markup('<div class="card" id="evaluate-effects"><h3>{}</h3><p class="soft">{}</p><ol>{}</ol></div>').format(
        _said("effects", language), _said("effects_lead", language), rows
    )


def _differing(scores: Scores, verdict: Verdict, grid: str, language: str) -> Markup:
    """The held-out pictures on which two points differ most, each with what both gain on it."""
    places = {picture.name: place for place, picture in enumerate(scores.pictures[HELD_OUT])}
    figures = joined(
        Markup(
            '<figure title="{}"><img src="evaluate/{}/held_out/{}" alt="{}" loading="lazy">'
            "<figcaption>{:+.0f} % / {:+.0f} %</figcaption></figure>"
        ).format(one.name, quote(grid, safe=""), places[one.name], one.name, 100 * one.gain, 100 * one.other)
        for one in verdict.pictures
    )
    if not figures:
        return figures
    other = verdict.runner_up if verdict.chosen else None  # where none is better, the best is compared with the base
    against = _point_name(other, language) if other and other[0] else _said("without_label", language)
    return Markup('<p class="soft">{}</p><div class="differing">{}</div>').format(
        _said("verdict_pictures", language, other=against), figures
    )


def _said(name: str, language: str, **params: str) -> str:
    return text(f"ui.evaluate.{name}", language, **params)


def _note(kind: str, what: Problem, language: str) -> Markup:
    return note(kind, message(what, language))


def _point_name(key: Key, language: str) -> str:
    return _said("file_at", language, file=key[0].rpartition(".")[0] or key[0], weight=f"{key[1]:g}")


def _use(chosen: Key | None, language: str) -> Markup:
    if chosen is None or not chosen[0]:
        return Markup("")
    return Markup(
        '<p class="line"><button type="button" class="primary" data-use="{}" data-weight="{:g}" title="{}">{}</button>'
        '<span id="evaluate-used"></span></p>'
    ).format(*chosen, _said("use_help", language), _said("use", language, point=_point_name(chosen, language)))


def used_html(run: str, file: str, path: str, language: str) -> Markup:
    """What can be done with a file that is to be used: send it, go on from it."""
    return Markup(
        '<button type="button" class="small" data-dialog="send" data-run="{}" data-file="{}">{}</button> '
        '<button type="button" class="small" data-go-on="{}">{}</button>'
    ).format(run, file, text("ui.act.send", language), path, _said("go_on", language))


def _chart(scores: Scores, chosen: Key | None, language: str) -> Markup:
    """All points by contamination and fidelity, with the front, as SVG."""
    found = [
        (point, spill.value, gain.value) for point in scores.points
        if (spill := point.measures.get(SPILL)) and (gain := point.measures.get(FIDELITY))
        and spill.value is not None and gain.value is not None
    ]  # fmt: skip
    if not found:
        return Markup('<p class="soft">{}</p>').format(_said("front_none", language))
    across = _scale([0.0, *(spill for _, spill, _ in found)], EDGE, WIDTH - EDGE)
    up = _scale([0.0, *(gain for _, _, gain in found)], HEIGHT - EDGE, EDGE)
    best = {point.key for point in front([point for point, _, _ in found])}
    line = sorted((across(spill), up(gain)) for point, spill, gain in found if point.key in best)
    dots = joined(
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{}" class="{}"><title>{}</title></circle>').format(
            across(spill), up(gain), 7 if point.key == chosen else 4.5,
            "chosen" if point.key == chosen else "front" if point.key in best else "",
            f"{_point_name(point.key, language)}: {100 * gain:+.1f} %, {100 * spill:+.1f} %",
        )
        for point, spill, gain in found
    )
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="{}"><line x1="{e}" y1="{y:.1f}" x2="{r}" y2="{y:.1f}"/>'
        '<line x1="{x:.1f}" y1="{e}" x2="{x:.1f}" y2="{b}"/><polyline points="{}"/>{}'
        '<text x="{r}" y="{h}" text-anchor="end">{}</text><text x="4" y="14">{}</text></svg>'
    ).format(
        WIDTH, HEIGHT, _said("front", language), " ".join(f"{x:.1f},{y:.1f}" for x, y in line), dots,
        _said("contamination", language), _said("fidelity", language),
        e=EDGE, r=WIDTH - EDGE, b=HEIGHT - EDGE, h=HEIGHT - 6, x=across(0.0), y=up(0.0),
    )


def _scale(values: Sequence[float], first: float, last: float) -> Callable[[float], float]:
    """A function from values to places between `first` and `last`."""
    low, high = min(values), max(values)
    width = (high - low) or 1.0
    return lambda value: first + (value - low) / width * (last - first)


def _table(scores: Scores, language: str) -> Markup:
    """All numbers, in percent with their intervals."""
    head = joined(
        Markup("<th>{}</th>").format(_said(name, language)) for name in ("file", *COLUMNS)
    )
    rows = joined(_row(point, language) for point in sorted(scores.points, key=scores.place))
    return Markup(
        '<details><summary>{}</summary><div class="scrolled"><table><tr>{}</tr>{}</table></div></details>'
    ).format(_said("numbers", language), head, rows)


def _row(point: Point, language: str) -> Markup:
    measures: Mapping[str, Measure] = point.measures
    cells = joined(Markup("<td>{}</td>").format(say(in_words(measures.get(name)), language)) for name in COLUMNS)
    return Markup("<tr><td>{}</td>{}</tr>").format(_point_name(point.key, language), cells)
