"""Which values of a grid's axes people like: the share of good marks with its interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from train_core.facts.grids.folder import GridFacts

CONFIDENCE = 1.959963984540054  # standard deviations on either side that hold 95 % of a normal distribution
CHOSEN = ("file", "weight")  # kinds of axes between whose values one chooses


@dataclass(frozen=True)
class Ranked:
    """A value of an axis, by its place there: marks of its pictures, and the share of good ones with its interval."""

    value: int
    good: int
    bad: int
    low: float
    middle: float
    high: float


def wilson(good: int, bad: int) -> tuple[float, float, float]:
    """The 95 % interval of the share of good ones (Wilson, 1927): its low end, its middle and its high end, of 0 to 1.

    Without any it is all that is possible.
    """
    count = good + bad
    if not count:
        return 0.0, 0.5, 1.0
    share, square = good / count, CONFIDENCE**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = CONFIDENCE / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    low = 0.0 if not good else middle - half
    high = 1.0 if not bad else middle + half
    return low, middle, high


def ranked_axes(facts: GridFacts) -> list[int]:
    """Places of the axes whose values are ranked: files and weights, else all; only those with more than one value."""
    several = [place for place, axis in enumerate(facts.axes) if len(axis.labels) > 1]
    return [place for place in several if facts.axes[place].kind in CHOSEN] or several


def ranking(facts: GridFacts, marks: Mapping[str, str], axis: int) -> list[Ranked]:
    """The values of an axis, the best first: by the low end of the interval, so that few marks do not win.

    A picture that stands in several cells of a value counts once there; one that several values share, as the base's at
    weight 0 is every file's, tells nothing between them and counts for none. Values without marks come last, in order.
    """
    pictures: list[set[str]] = [set() for _ in facts.axes[axis].labels]
    stride = math.prod(len(one.labels) for one in facts.axes[axis + 1 :])
    for place, name in enumerate(facts.cells):
        if name in marks:
            pictures[place // stride % len(pictures)].add(name)
    values = Counter(name for names in pictures for name in names)
    found = []
    for value, every in enumerate(pictures):
        names = {name for name in every if values[name] == 1}
        good = sum(marks[name] == "good" for name in names)
        bad = sum(marks[name] == "bad" for name in names)
        found.append(Ranked(value, good, bad, *wilson(good, bad)))
    return sorted(found, key=lambda one: (not one.good + one.bad, -one.low, -one.middle, one.value))
