"""Which file at which weight, and why: argued from scores, overridden by what people have marked.

Of all points those that gain less *and* change more than another are left out (the Pareto front), then those that
surely gain less than one that is left. Of the rest, between which pictures do not decide, the earliest epoch and the
lowest weight are chosen, since both keep more of the base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import Problem, problem
from train_core.facts.scores.advice import advice_for, faults_of
from train_core.facts.scores.intervals import Interval
from train_core.facts.scores.marked import Key, Marked, ranked
from train_core.facts.scores.measures import TOO_FEW, difference, gains
from train_core.facts.scores.scores import FIDELITY, FOREIGN, HELD_OUT, SPILL, Measure, Point, Scores
from train_core.facts.scores.words import between, named, percent, spill_of

MOST_DIFFERENT = 3
MOST_NAMED = 4


@dataclass(frozen=True)
class Differing:
    """A held-out picture by its name, and its gains, as parts of the base's loss: by what is chosen, by the other."""

    name: str
    gain: float
    other: float


@dataclass(frozen=True)
class Verdict:
    """The file and weight that are chosen, None if nothing is, and `by_numbers` what the scores alone would choose.

    `sentence` says it with the numbers, `reasons` why the others are not it, `advice` what to change in the data.
    `pictures` are the held-out ones on which it differs most from `runner_up`, the base if there is no other.
    """

    chosen: Key | None
    by_numbers: Key | None
    runner_up: Key | None
    sentence: Problem
    reasons: tuple[Problem, ...] = ()
    advice: tuple[Problem, ...] = ()
    pictures: tuple[Differing, ...] = ()


def verdict_of(scores: Scores, marks: Mapping[Key, tuple[int, int]] | None = None) -> Verdict:
    """The verdict on `scores`; `marks` are the numbers of good and bad ones by file and weight."""
    numbers = _by_numbers(scores)
    liked = [one for one in ranked(marks or {}) if one.good]
    return _by_marks(scores, numbers, liked[0]) if liked else numbers


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in one of fidelity and contamination without being beaten in the other.

    Where contamination was not measured, all of them.
    """
    if not all(_value(point, SPILL) is not None for point in points):
        return list(points)
    return [point for point in points if not any(_dominates(other, point) for other in points)]


def _by_numbers(scores: Scores) -> Verdict:
    points = sorted(scores.points, key=scores.place)
    if not points or any(_value(point, FIDELITY) is None for point in points):
        sentence = problem(
            "verdict_undecided",
            "{count} held-out pictures are too few to decide. Hold out at least {least}.",
            count=len(scores.pictures[HELD_OUT]), least=TOO_FEW,
        )
        return Verdict(None, None, None, sentence)
    leading = front(points)
    worse = {point.key: how for point in leading if (how := _surely_worse(scores, point, leading)) is not None}
    undecided = [point for point in leading if point.key not in worse]
    chosen = undecided[0]
    others = [point for point in points if point is not chosen]
    second = max(others, key=lambda point: _value(point, FIDELITY) or 0.0, default=None)
    faults = faults_of(points[-1])
    if _measure(chosen, FIDELITY).low <= 0:  # type: ignore[operator]
        return Verdict(
            None, None, chosen.key, _no_better(chosen), tuple(faults), tuple(advice_for(points, None)),
            _most_different(scores, chosen, scores.base),
        )
    return Verdict(
        chosen.key, chosen.key, second.key if second else None, _sentence(scores, chosen, second),
        (*_gentler(scores, chosen, undecided), *_left_out(points, leading, worse), *faults),
        tuple(advice_for(points, chosen)),
        _most_different(scores, chosen, second or scores.base),
    )  # fmt: skip


def _by_marks(scores: Scores, numbers: Verdict, best: Marked) -> Verdict:
    """The verdict that people's marks make of that of the numbers."""
    said = {
        "point": named(best.key), "good": best.good, "bad": best.bad, "low": f"{100 * best.low:.0f}",
        "high": f"{100 * best.high:.0f}",
    }
    if best.key == numbers.by_numbers:
        sentence = problem(
            "verdict_marks_agree",
            "Your marks choose {point}: {good} good, {bad} bad ({low} to {high} % good). The numbers choose the same.",
            **said,
        )
    else:
        sentence = problem(
            "verdict_marks",
            "Your marks choose {point}: {good} good, {bad} bad ({low} to {high} % good). They override the numbers, "
            "which say: {numbers}",
            numbers=Phrase(numbers.sentence.text, f"message.{numbers.sentence.code}", numbers.sentence.params), **said,
        )
    known = {point.key: point for point in (scores.base, *scores.points)}
    other = numbers.by_numbers if numbers.by_numbers != best.key else numbers.runner_up
    pictures = _most_different(scores, known[best.key], known[other or ("", 0.0)]) if best.key in known else ()
    return Verdict(best.key, numbers.by_numbers, other, sentence, numbers.reasons, numbers.advice, pictures)


def _dominates(one: Point, other: Point) -> bool:
    """Whether `one` is better than `other` in fidelity or contamination, and worse in neither."""
    first = _value(one, FIDELITY) or 0.0, -(_value(one, SPILL) or 0.0)
    second = _value(other, FIDELITY) or 0.0, -(_value(other, SPILL) or 0.0)
    return first != second and first[0] >= second[0] and first[1] >= second[1]


def _surely_worse(scores: Scores, point: Point, among: Sequence[Point]) -> Interval | None:
    """By how much `point` gains less than the one it falls behind most, where no draw of the interval decides else."""
    behind = [difference(scores, point, other) for other in among if other is not point]
    return min((one for one in behind if one[2] < 0), default=None)


def _sentence(scores: Scores, chosen: Point, second: Point | None) -> Problem:
    said = {"point": named(chosen.key), "gain": percent(_measure(chosen, FIDELITY)), "spill": spill_of(chosen)}
    if second is None:
        return problem(
            "verdict_only_one",
            "{point} gains {gain} on held-out pictures and changes foreign ones by {spill}. It is the only one.",
            **said,
        )
    ahead = difference(scores, chosen, second)
    facts = {
        "other": named(second.key), "difference": between(tuple(-one for one in (ahead[0], ahead[2], ahead[1]))),
        "other_spill": spill_of(second),
    }
    if ahead[1] > 0:
        return problem(
            "verdict_better",
            "{point} gains {gain} on held-out pictures and changes foreign ones by {spill}. {other}, the next best, is "
            "surely worse ({difference}) and changes foreign ones by {other_spill}.",
            **said, **facts,
        )
    return problem(
        "verdict_chosen",
        "{point} gains {gain} on held-out pictures and changes foreign ones by {spill}. {other} is not surely better "
        "({difference}) and changes foreign ones by {other_spill}; of such, the earliest epoch and the lowest weight "
        "are chosen.",
        **said, **facts,
    )


def _no_better(best: Point) -> Problem:
    return problem(
        "verdict_none",
        "None is surely better than the base on held-out pictures: {point} gains {gain}.",
        point=named(best.key), gain=percent(_measure(best, FIDELITY)),
    )


def _gentler(scores: Scores, chosen: Point, undecided: Sequence[Point]) -> list[Problem]:
    """That another one, which does not surely gain less, surely changes less: the rule weighs only epoch and weight."""
    if any(_value(point, SPILL) is None or FOREIGN not in point.losses for point in undecided):
        return []
    best = min(undecided, key=lambda point: _value(point, SPILL) or 0.0)
    if best is chosen or difference(scores, best, chosen, FOREIGN)[1] <= 0:
        return []
    return [
        problem(
            "verdict_gentler",
            "{point} changes foreign pictures surely less ({spill}) and does not surely gain less ({difference}): take "
            "it if that matters more to you than an early epoch.",
            point=named(best.key), spill=spill_of(best), difference=between(difference(scores, best, chosen)),
        )
    ]


def _left_out(
    points: Sequence[Point], leading: Sequence[Point], worse: Mapping[Key, Interval]
) -> list[Problem]:  # fmt: skip
    """Why points are not among those that were chosen from."""
    found = []
    beaten = [named(point.key) for point in points if point not in leading]
    if beaten:
        found.append(
            problem(
                "verdict_beaten",
                "{count} gain less and change more than another one: {names}.",
                count=len(beaten), names=_some(beaten),
            )
        )
    if worse:
        names = [
            phrase("verdict_by_how_much", "{point} ({difference})", point=named(key), difference=between(how))
            for key, how in worse.items()
        ]
        found.append(
            problem(
                "verdict_worse",
                "{count} surely gain less on the same pictures than another one: {names}.",
                count=len(names), names=_some(names),
            )
        )
    return found


def _some(names: Sequence[str]) -> str:
    return joined("semicolon", [*names[:MOST_NAMED], *(["…"] if len(names) > MOST_NAMED else [])])


def _most_different(scores: Scores, one: Point, other: Point) -> tuple[Differing, ...]:
    """The held-out pictures that the two predict most differently, by the part of the base's loss."""
    base = scores.base.losses[HELD_OUT]
    ours, theirs = (gains(base, point.losses[HELD_OUT]) for point in (one, other))
    apart = np.abs(ours - theirs)
    order = sorted(range(len(apart)), key=lambda place: (-apart[place], place))
    names = [picture.name for picture in scores.pictures[HELD_OUT]]
    return tuple(
        Differing(names[place], float(ours[place]), float(theirs[place])) for place in order[:MOST_DIFFERENT]
    )


def _measure(point: Point, name: str) -> Measure:
    return point.measures[name]


def _value(point: Point, name: str) -> float | None:
    measure = point.measures.get(name)
    return measure.value if measure else None
