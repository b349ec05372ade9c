"""Files and weights ranked by the marks of their pictures, as surely as so many marks allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from train_core.facts.grids.ranking import wilson

Key = tuple[str, float]  # a file and its weight


@dataclass(frozen=True)
class Marked:
    """A file at a weight, its marks, and the share of good ones with its 95 % interval."""

    key: Key
    good: int
    bad: int
    low: float
    middle: float
    high: float


def ranked(marks: Mapping[Key, tuple[int, int]]) -> list[Marked]:
    """What has marks, `(good, bad)` each, from the one that is surest to be good: by the interval's lower end."""
    found = [Marked(key, good, bad, *wilson(good, bad)) for key, (good, bad) in marks.items() if good + bad]
    return sorted(found, key=lambda one: (-one.low, -one.middle, one.key))
