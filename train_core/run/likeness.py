"""Whether samples still change from drawing to drawing, by their pixels: then a lower rate is worth it."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from train_core.config.problems import Problem, problem
from train_core.events.kinds import SampleDrawn

SIDE = 64  # pixels: what is compared is what one sees from afar
ALIKE = 0.03  # of the range of a channel, as a mean over all pixels
SHARE = 0.5  # of the greatest change that this run has seen
DRAWINGS = 2  # in a row that have to be alike

Small = np.ndarray[Any, np.dtype[np.float32]]


class Likeness:
    """Compares each sample with the one before of the same prompt and seed. Without a state: it only gives advice."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, int], Small] = {}
        self._changes: list[float] = []  # of the drawing that goes on
        self._greatest = 0.0
        self._alike = 0
        self.change = 1.0  # between the last two drawings, 0 to 1

    def note(self, drawn: SampleDrawn) -> None:
        """Take in a picture that was drawn; one that cannot be read any more is left out."""
        try:
            with Image.open(drawn.path) as picture:
                seen = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
        except OSError:
            return
        small = np.asarray(seen, np.float32) / np.float32(255)
        which = (drawn.index, drawn.seed)
        if which in self._before:
            self._changes.append(float(np.abs(small - self._before[which]).mean()))
        self._before[which] = small

    def end_drawing(self) -> None:
        """Take the pictures noted since the last call as one drawing."""
        if not self._changes:
            return
        self.change = sum(self._changes) / len(self._changes)
        self._changes.clear()
        self._greatest = max(self._greatest, self.change)
        alike = self.change < ALIKE and self.change <= SHARE * self._greatest
        self._alike = self._alike + 1 if alike else 0

    @property
    def settled(self) -> bool:
        """Whether the last drawings were all like the ones before them, and earlier ones were not."""
        return self._alike >= DRAWINGS

    def begin_stage(self) -> None:
        """Forget what was alike: another rate may change the samples again."""
        self._alike = 0


def samples_alike(change: float) -> Problem:
    """The notice that the samples hardly change any more."""
    return problem(
        "samples_alike",
        "The samples hardly change any more: from drawing to drawing their pixels differ by {percent} % on average. "
        "Press Next stage to go on with the next learning rate.",
        percent=f"{100 * change:.1f}",
    )
