"""The search for the largest batch that fits into memory, by doing steps with larger and larger ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """A step with `size` samples: the most bytes that were in use, and seconds."""

    size: int
    peak: int
    seconds: float


@dataclass(frozen=True)
class Largest:
    """The largest size, 0 for none; `was_done` says that a step with it was done, not only expected to fit."""

    size: int
    was_done: bool = True


Measure = Callable[[int], Trial | None]


@dataclass(frozen=True)
class Bounds:
    """Bounds of a search: sizes up to `size`, `room` bytes, `seconds` in all.

    `careful` is for memory whose end the system answers by killing the process: a size is done only if it is sure to
    fit, since memory grows at most in proportion.
    """

    size: int
    room: int
    seconds: float
    careful: bool = False


def largest_batch(measure: Measure, start: int, bounds: Bounds) -> Largest | None:
    """The largest size that `measure` can do within `bounds`, looked for from `start`, which is halved until it fits.

    `measure` gives None for what does not fit. None where nothing is known beyond `start`.
    """
    size, upper = start, max(start, bounds.size)
    while (trial := _fitting(measure, size, bounds)) is None:
        if size == 1:
            return Largest(0)
        size, upper = size // 2, size - 1
    trials, left = [trial], bounds.seconds - trial.seconds
    while trials[-1].size < upper:
        wanted = min(2 * trials[-1].size, upper)
        expected = _expected(trials, wanted, bounds.careful)
        if expected.peak > bounds.room or expected.seconds > left:
            break
        found = _fitting(measure, wanted, bounds)
        if found is None:
            upper = wanted - 1
            break
        trials.append(found)
        left -= found.seconds
    return _between(measure, trials, upper, left, bounds)


def _between(measure: Measure, trials: list[Trial], upper: int, left: float, bounds: Bounds) -> Largest | None:
    """The largest size from the last one done to `upper`: where the growth so far points at, else halfway."""
    while (done := trials[-1].size) < upper:
        guess = _guess(trials, upper, bounds)
        if guess is None or guess == done:
            return None if guess is None else Largest(done)
        if _expected(trials, guess, bounds.careful).seconds > left:
            return Largest(guess, was_done=False) if len(trials) > 1 else None
        found = _fitting(measure, guess, bounds)
        if found is None:
            upper = guess - 1
        else:
            trials.append(found)
            left -= found.seconds
    return Largest(done)


def _guess(trials: Sequence[Trial], upper: int, bounds: Bounds) -> int | None:
    """A size to do next, up to twice the last one, which stands for nothing larger; None where none is sure to fit."""
    done = trials[-1].size
    if len(trials) == 1 and not bounds.careful:
        return (done + upper + 1) // 2
    sizes = range(min(upper, 2 * done), done, -1)
    fits = next((n for n in sizes if _expected(trials, n, bounds.careful).peak <= bounds.room), done)
    return None if len(trials) == 1 and fits == done else fits


def _fitting(measure: Measure, size: int, bounds: Bounds) -> Trial | None:
    trial = measure(size)
    return trial if trial is not None and trial.peak <= bounds.room else None


def _expected(trials: Sequence[Trial], size: int, careful: bool) -> Trial:
    """The step with `size` samples as the last two lead to expect; from a single one, the most that it can take."""
    last = trials[-1]
    if len(trials) == 1:
        times = size / last.size
        return Trial(size, round(last.peak * times) if careful else last.peak, last.seconds * times)
    before = trials[-2]
    more = (size - last.size) / (last.size - before.size)
    peak = last.peak + max(0, last.peak - before.peak) * more
    return Trial(size, round(peak), last.seconds + max(0.0, last.seconds - before.seconds) * more)
