"""Scores in words: files at weights, and numbers with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

from train_core.config.phrases import phrase
from train_core.facts.scores.scores import SPILL, Measure, Point


def named(key: tuple[str, float]) -> str:
    """A file and its weight."""
    return phrase("file_at_weight", "{file} at {weight}", file=key[0], weight=f"{key[1]:g}")


def between(numbers: Sequence[float]) -> str:
    """A mean with its interval, in percent."""
    value, low, high = (f"{100 * number:+.1f}" for number in numbers)
    return f"{value} % [{low}, {high}]"


def percent(measure: Measure | None) -> str:
    """A measure with its interval, in percent."""
    if measure is None or measure.value is None or measure.low is None or measure.high is None:
        return phrase("not_measured", "an unknown amount")
    return between((measure.value, measure.low, measure.high))


def spill_of(point: Point) -> str:
    """The contamination of a point."""
    return percent(point.measures.get(SPILL))


def in_words(measure: Measure | None, share: bool = False) -> str:
    """A measure as a cell of a table, in percent, with a question mark where pictures are few; a dash for none.

    A `share` is no difference from the base, and so has no sign.
    """
    if measure is None:
        return "–"
    if measure.state == "too_few":
        return phrase("score_undecided", "too few to decide")
    if measure.state == "unknown":
        return phrase("score_unknown", "cannot be measured")
    said = percent(measure).replace(" %", "")
    return (said.replace("+", "") if share else said) + (" ?" if measure.state == "few" else "")
