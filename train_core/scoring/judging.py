"""The base as judge of pictures: does one fit its caption better than the same caption with a tag exchanged?

A diffusion model as classifier: Li et al., "Your Diffusion Model is Secretly a Zero-Shot Classifier" (2023). All
captions of a picture are compared at the same noise. What the base does not tell apart on real pictures it cannot
judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from train_core.facts.scores.intervals import Floats, interval
from train_core.facts.scores.scores import Losses
from train_core.facts.scores.tags import Swap
from train_core.scoring.measuring import Conditioned, Measurer, PictureSet

Count = Callable[[int], None]


class Judge:
    """Asks `measurer` with what `base` makes of captions; nothing is on the model while it is asked."""

    def __init__(self, measurer: Measurer, base: Conditioned, count: Count) -> None:
        self._measurer = measurer
        self._base = base
        self._count = count

    def fits(self, pictures: PictureSet, captions: Sequence[str], others: Mapping[int, str]) -> dict[int, Floats]:
        """By how much each picture named in `others` fits its caption better than the other one, by noise level."""
        own = self._losses(pictures, {place: captions[place] for place in others})
        other = self._losses(pictures, others)
        return {place: other[place] - own[place] for place in others}

    def tags(
        self, pictures: PictureSet, captions: Sequence[str], swaps: Sequence[Sequence[Swap]]
    ) -> list[dict[str, Floats]]:
        """By how much each picture fits its caption better than with each tag exchanged, by tag and noise level."""
        found: list[dict[str, Floats]] = [{} for _ in captions]
        own = self._losses(pictures, dict(enumerate(captions)))
        for number in range(max(map(len, swaps), default=0)):
            asked = {place: some[number].caption for place, some in enumerate(swaps) if len(some) > number}
            for place, other in self._losses(pictures, asked).items():
                found[place][swaps[place][number].tag] = other - own[place]
        return found

    def _losses(self, pictures: PictureSet, captions: Mapping[int, str]) -> dict[int, Floats]:
        if not captions:
            return {}
        losses: Losses = self._measurer.losses(pictures.captioned(captions), self._base, self._count)
        return {place: np.asarray(row, np.float64) for place, row in zip(sorted(captions), losses, strict=True)}


def known_tags(found: Sequence[Mapping[str, Floats]], seed: int) -> dict[str, bool]:
    """Whether the base knows each tag: it surely tells real pictures that have it from their captions without it."""
    values: dict[str, list[float]] = {}
    for one in found:
        for tag, by_level in one.items():
            values.setdefault(tag, []).extend(by_level.tolist())
    return {tag: interval(some, seed)[1] > 0 for tag, some in sorted(values.items())}


def share_right(found: Mapping[str, Floats], known: Mapping[str, bool]) -> float | None:
    """The share of known tags that a picture shows; None where it is asked for none."""
    shown = [bool(by_level.mean() > 0) for tag, by_level in found.items() if known.get(tag)]
    return sum(shown) / len(shown) if shown else None
