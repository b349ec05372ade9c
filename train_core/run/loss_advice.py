"""Loss advice within a run: whether it has left its best for long, and the save to go back to.

Losses of different runs, data or settings cannot be compared, so nothing is said of how high one is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from train_core.config.problems import Problem, problem
from train_core.run.validation_history import History, Measurement, nearest_file

PATIENCE = 5  # measurements, or epochs, without a better one
SPREADS = 3.0  # by which epochs have to be worse: chance alone gives one in a thousand


@dataclass
class LossAdvice:
    """Says once for each best value that it was left. `saved` gives the run's files with their steps."""

    saved: Callable[[], Mapping[Path, int]]
    epochs: list[Measurement] = field(default_factory=list)
    _told: int = -1  # the step of the best value that was told of

    def of_validation(self, history: History) -> list[Problem]:
        """The advice after a measurement on held-out images, if there is any."""
        best = history.best
        if best is None or history.without_better < PATIENCE or not history.overfitted or best.step == self._told:
            return []
        self._told = best.step
        return [
            problem(
                "validation_left_its_best",
                "The validation loss was lowest in epoch {epoch} (step {step}): {best}. In {count} measurements since "
                "it was never as low, and now it is {last}. The save nearest to the lowest is {file}: stop and use "
                "that, unless the samples still get better.",
                epoch=best.epoch, step=best.step, best=f"{best.loss:.4f}", count=history.without_better,
                last=f"{history.measured[-1].loss:.4f}", file=self._file_near(best.step),
            )
        ]

    def of_epoch(self, step: int, epoch: int, mean: float) -> list[Problem]:
        """The advice after `epoch` with its `mean` training loss, which shakes much more, if there is any."""
        if not math.isfinite(mean):
            return []
        self.epochs.append(Measurement(step, epoch, mean))
        losses = [one.loss for one in self.epochs]
        place, rise = left_best(losses)
        best = self.epochs[place]
        if not rise or best.step == self._told:
            return []
        self._told = best.step
        return [
            problem(
                "loss_left_its_best",
                "The mean loss of {count} epochs was lowest around epoch {epoch}, and is higher by {percent} % now, "
                "more than its usual ups and downs. The save nearest to it is {file}. Compare its pictures with the "
                "newest ones before you go on.",
                count=PATIENCE, epoch=best.epoch, percent=f"{100 * rise:.1f}", file=self._file_near(best.step),
            )
        ]

    def _file_near(self, step: int) -> str:
        nearest = nearest_file(self.saved(), step)
        return nearest.name if nearest else "–"


def left_best(losses: Sequence[float]) -> tuple[int, float]:
    """The place where the mean of `PATIENCE` losses in a row ended that was the lowest, and by which share the last
    such mean is higher; 0 as long as that may be chance, by how much neighbours differ."""
    means = [sum(losses[end - PATIENCE : end]) / PATIENCE for end in range(PATIENCE, len(losses) + 1)]
    if len(means) <= PATIENCE:
        return 0, 0.0
    best = min(range(len(means)), key=means.__getitem__)
    steps = [(later - earlier) ** 2 for earlier, later in pairwise(losses)]
    spread = math.sqrt(sum(steps) / len(steps) / 2)  # of one epoch's mean
    rise = means[-1] - means[best]
    is_old, is_real = len(means) - 1 - best >= PATIENCE, rise > SPREADS * spread * math.sqrt(2 / PATIENCE)
    return best + PATIENCE - 1, rise / means[best] if is_old and is_real and means[best] > 0 else 0.0
