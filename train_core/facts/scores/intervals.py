"""How sure the mean over a few pictures is: intervals by drawing the pictures again and again (the bootstrap)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

DRAWS = 10_000
LOW, HIGH = 0.025, 0.975  # what lies between them are 95 % of the draws

Floats = np.ndarray[Any, np.dtype[np.float64]]
Interval = tuple[float, float, float]  # mean, low, high


def interval(values: Sequence[float] | Floats, seed: int) -> Interval:
    """The mean of `values`, one of each picture, with its 95 % interval (Efron's percentile bootstrap, 1979)."""
    given = np.asarray(values, np.float64)
    return _ends(float(given.mean()), _means(given, seed))


def interval_of_difference(first: Sequence[float] | Floats, second: Sequence[float] | Floats, seed: int) -> Interval:
    """The mean of `first` less that of `second`, which are different pictures, with its 95 % interval."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    drawn = _means(one, seed) - _means(other, seed + 1)
    return _ends(float(one.mean() - other.mean()), drawn)


def share_of_pairs(nearer: Sequence[float], farther: Sequence[float], seed: int) -> Interval:
    """The share of pairs in which the one of `nearer` is the smaller, ties counting half, with its 95 % interval."""
    one, other = np.asarray(nearer, np.float64)[:, None], np.asarray(farther, np.float64)[None, :]
    smaller = (one < other) + 0.5 * (one == other)
    drawn = ((_shares(len(one), seed) @ smaller) * _shares(other.shape[1], seed + 1)).sum(axis=1)
    return _ends(float(smaller.mean()), drawn)


def _ends(middle: float, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, (LOW, HIGH))
    return middle, float(low), float(high)


def _means(values: Floats, seed: int) -> Floats:
    """The mean (DRAWS,) of `values` in each draw."""
    return _shares(len(values), seed) @ values


@lru_cache(maxsize=8)
def _shares(count: int, seed: int) -> Floats:
    """How much each of `count` pictures counts (DRAWS, count) in each draw: the same ones for whatever is compared."""
    drawn = np.random.default_rng([seed, count]).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    return drawn / count
