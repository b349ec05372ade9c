"""What scores say about the training and its pictures: what went wrong by its end, and what to change in the data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from train_core.config.problems import Problem, problem
from train_core.facts.scores.scores import COPY, FIDELITY, GAP, SEMANTICS, SPILL, TRAINED_GAIN, TRIGGER, Point
from train_core.facts.scores.words import named, percent

# Parts of the base's loss. On the program's demo, 16 pictures over 4 epochs stay below both, 4 pictures over 12 exceed
# both from the middle on.
WIDE_GAP = 0.15
MUCH_SPILL = 0.25
LITTLE_LEARNT = 0.1
FEW_TAGS = 0.7  # of those that the base knows
CHANCE = 0.5
NO_TRIGGER = 0.1  # of the fidelity gain


def faults_of(last: Point) -> Iterator[Problem]:
    """What is wrong with the `last` file at its highest weight, which most people would take without looking."""
    if _above(last, GAP, WIDE_GAP):
        yield problem(
            "fault_gap",
            "{point} has learnt its pictures by heart: it gains {trained} on trained pictures and {held_out} on "
            "held-out ones.",
            point=named(last.key), trained=percent(last.measures.get(TRAINED_GAIN)),
            held_out=percent(last.measures.get(FIDELITY)),
        )
    copying = last.measures.get(COPY)
    if copying and last.drawn and last.drawn.nearest and copying.low is not None and copying.low > CHANCE:
        pair = min(last.drawn.nearest, key=lambda one: one.distance)
        yield problem(
            "fault_copy",
            "{point} draws pictures that are nearer to trained ones than held-out pictures are, in {share} of all "
            "pairs. The nearest: {picture} and {trained} ({how}).",
            point=named(last.key), share=percent(copying).replace("+", ""), picture=pair.picture, trained=pair.trained,
            how=pair.how,
        )
    if _above(last, SPILL, MUCH_SPILL):
        yield problem(
            "fault_spill",
            "{point} colours what it should leave alone: it changes foreign pictures by {spill}.",
            point=named(last.key), spill=percent(last.measures[SPILL]),
        )


def advice_for(points: Sequence[Point], chosen: Point | None) -> Iterator[Problem]:
    """What to change; `points` stand from the earliest to the last, `chosen` is one of them if one is good."""
    last = points[-1]
    if _below(last, TRAINED_GAIN, LITTLE_LEARNT):
        yield problem(
            "advice_more_steps",
            "Even at the end little was learnt: {point} gains {gain} on the pictures that it was trained on. Train for "
            "more steps, or at a higher rate.",
            point=named(last.key), gain=percent(last.measures.get(TRAINED_GAIN)),
        )
    if _above(last, GAP, WIDE_GAP):
        yield problem(
            "advice_more_pictures",
            "More pictures, and more different ones, help against learning by heart: other views, poses, backgrounds. "
            "Fewer repeats or epochs help too.",
        )
    told = chosen or last
    at_most = [point for point in points if point.file == told.file][-1]  # at whose weight words are measured
    gain = _value(at_most, FIDELITY) or 0.0
    if _value(at_most, TRIGGER) is not None and not _above(at_most, TRIGGER, NO_TRIGGER * gain):
        yield problem(
            "advice_no_trigger",
            "The trigger words hardly matter ({trigger}): the class word has taken over what was learnt. Train with "
            "regularisation images of the class, or use the file without them.",
            trigger=percent(at_most.measures[TRIGGER]),
        )
    if _below(told, SEMANTICS, FEW_TAGS):
        yield problem(
            "advice_captions",
            "Pictures by {point} show only {share} of the tags that they were asked for. Check the captions: tags "
            "that do not show in their pictures, and things in pictures that no tag names.",
            point=named(told.key), share=percent(told.measures[SEMANTICS]).replace("+", ""),
        )
    if _above(told, SPILL, MUCH_SPILL):
        yield problem(
            "advice_spill",
            "Even {point} changes foreign pictures by {spill}. Regularisation images of the class, a lower weight or "
            "fewer steps keep more of the base.",
            point=named(told.key), spill=percent(told.measures[SPILL]),
        )


def _value(point: Point, name: str) -> float | None:
    measure = point.measures.get(name)
    return measure.value if measure else None


def _above(point: Point, name: str, limit: float) -> bool:
    """Whether a measure is above `limit`, and surely above 0."""
    measure = point.measures.get(name)
    if measure is None or measure.value is None or measure.low is None:
        return False
    return measure.value > limit and measure.low > 0


def _below(point: Point, name: str, limit: float) -> bool:
    value = _value(point, name)
    return value is not None and value < limit
