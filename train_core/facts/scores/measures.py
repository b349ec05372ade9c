"""From losses to measures: how much better a file predicts pictures than the base does, and where it does so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from train_core.facts.scores.intervals import Floats, Interval, interval, interval_of_difference
from train_core.facts.scores.scores import (
    FIDELITY,
    FOREIGN,
    GAP,
    HELD_OUT,
    MEMORISED,
    PROMPTS,
    SPILL,
    TRAINED,
    TRAINED_GAIN,
    TRIGGER,
    UNTRIGGERED,
    Losses,
    Measure,
    Point,
    ScoredPicture,
    Scores,
    State,
)  # fmt: skip

LEVELS = 4  # noise levels at which each picture is measured
EVERY_LEVEL = tuple(range(LEVELS))
# Half of them do for foreign pictures and for held-out ones without the trigger: intervals come from pictures. On the
# demo no other pair is clearly nearer to what all four give, see docs/evaluating.md.
FEW_LEVELS = (0, 2)
PULLS = 2  # noises with which each prompt is measured
TOO_FEW, ENOUGH = 4, 8  # pictures: below the first nothing can be decided, below the second little


def state_of(pictures: int) -> State:
    """How much a number that so many pictures give is worth."""
    return "too_few" if pictures < TOO_FEW else "few" if pictures < ENOUGH else "measured"


def gains(base: Losses, losses: Losses) -> Floats:
    """By which part of the base's loss each picture's is smaller, (pictures,); exactly 0 for the base itself."""
    before, now = _means(base), _means(losses)
    return (before - now) / before


def measures_of(
    base: Mapping[str, Losses], losses: Mapping[str, Losses], pictures: Mapping[str, Sequence[ScoredPicture]],
    seed: int, untriggered_levels: Sequence[int] = EVERY_LEVEL,
) -> dict[str, Measure]:  # fmt: skip
    """All measures that the sets of pictures allow, by name; `seed` is that of the intervals' draws.

    Of the noise levels of held-out pictures, `untriggered_levels` are those at which they were measured without the
    trigger too.
    """
    gain = {name: gains(base[name], losses[name]) for name in losses}
    levels = {name: _by_level(base[name], losses[name]) for name in losses}
    found = {FIDELITY: _measure(gain[HELD_OUT], levels[HELD_OUT], seed)}
    if TRAINED in gain:
        found[TRAINED_GAIN] = _measure(gain[TRAINED], levels[TRAINED], seed)
        found[GAP] = _made(
            min(len(gain[TRAINED]), len(gain[HELD_OUT])),
            partial(interval_of_difference, gain[TRAINED], gain[HELD_OUT], seed), levels[TRAINED] - levels[HELD_OUT],
        )
    if FOREIGN in gain:
        found[SPILL] = _measure(0 - gain[FOREIGN], 0 - levels[FOREIGN], seed)
    if PROMPTS in gain:
        found[MEMORISED] = _measure(0 - gain[PROMPTS], 0 - levels[PROMPTS], seed)
    if UNTRIGGERED in gain:
        rows = _same_pictures(pictures[HELD_OUT], pictures[UNTRIGGERED])
        found[TRIGGER] = _measure(*_of_trigger(base, losses, np.ix_(rows, untriggered_levels)), seed)
    return found


def _of_trigger(
    base: Mapping[str, Losses], losses: Mapping[str, Losses], both: tuple[NDArray[np.intp], ...]
) -> tuple[Floats, Floats]:
    """How much more is lost without the trigger than the base loses: by picture, and by level.

    `both` are the places of pictures and levels that were measured with it as well.
    """
    with_it = np.asarray(base[HELD_OUT], np.float64)[both]
    now = np.asarray(losses[UNTRIGGERED], np.float64) - np.asarray(losses[HELD_OUT], np.float64)[both]
    before = np.asarray(base[UNTRIGGERED], np.float64) - with_it
    more = now - before
    return more.mean(axis=1) / with_it.mean(axis=1), (more / with_it).mean(axis=0)


def difference(scores: Scores, one: Point, other: Point, pictures: str = HELD_OUT) -> Interval:
    """How much more `one` gains than `other` on the same pictures, of one set, with its interval."""
    base = scores.base.losses[pictures]
    return interval(gains(base, one.losses[pictures]) - gains(base, other.losses[pictures]), scores.seed)


def _measure(values: Floats, levels: Floats, seed: int) -> Measure:
    return _made(len(values), partial(interval, values, seed), levels)


def _made(pictures: int, found: Callable[[], Interval], levels: Floats) -> Measure:
    state = state_of(pictures)
    if state == "too_few":
        return Measure(state=state, pictures=pictures)
    value, low, high = found()
    return Measure(
        state=state, pictures=pictures, value=value, low=low, high=high, levels=tuple(float(one) for one in levels)
    )


def _means(losses: Losses) -> Floats:
    return np.asarray(losses, np.float64).mean(axis=1)


def _by_level(base: Losses, losses: Losses) -> Floats:
    """The mean gain at each noise level."""
    before, now = np.asarray(base, np.float64), np.asarray(losses, np.float64)
    return ((before - now) / before).mean(axis=0)


def _same_pictures(among: Sequence[ScoredPicture], wanted: Sequence[ScoredPicture]) -> list[int]:
    places = {picture.name: place for place, picture in enumerate(among)}
    return [places[picture.name] for picture in wanted]
