"""Measures of pictures that were drawn for it: copies, tags that they show, and how they vary."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from train_core.facts.scores.intervals import Interval, interval, share_of_pairs
from train_core.facts.scores.measures import state_of
from train_core.facts.scores.scores import COPY, GENERALISATION, SEMANTICS, SPREAD, Drawn, Measure, Nearest


def measures_of_drawn(
    drawn: Drawn, base: Drawn, held_out: Sequence[Nearest], seed: int, knows_tags: bool
) -> dict[str, Measure]:
    """The measures of what a point has drawn, by name; `held_out` are the held-out pictures' nearest trained ones.

    Copying is the chance that a drawn picture is nearer to a trained one than a held-out picture is (Mann and Whitney,
    1947; Meehan et al., 2020): above 0.5 is suspicious. Without a tag that the base knows, what pictures show is
    unknown.
    """
    found = {}
    if drawn.nearest and held_out:
        generated, others = ([one.distance for one in some] for some in (drawn.nearest, held_out))
        found[COPY] = _made(min(len(generated), len(others)), partial(share_of_pairs, generated, others, seed))
    for name, values in ((SEMANTICS, drawn.right), (GENERALISATION, drawn.followed)):
        found[name] = (
            _made(len(values), partial(interval, values, seed)) if knows_tags and values
            else Measure(state="unknown", pictures=len(values))
        )
    if drawn.spreads and base.spreads:
        ratios = np.asarray(drawn.spreads) / np.asarray(base.spreads)
        found[SPREAD] = _made(len(ratios), partial(interval, ratios, seed))
    return found


def _made(pictures: int, measured: partial[Interval]) -> Measure:
    state = state_of(pictures)
    if state == "too_few":
        return Measure(state=state, pictures=pictures)
    value, low, high = measured()
    return Measure(state=state, pictures=pictures, value=value, low=low, high=high)
