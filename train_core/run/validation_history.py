"""The curve of validation losses: where it was lowest, whether the run over-fitted, and when to give up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem, problem

OVERFITTED_ABOVE = 1.02  # times the lowest value: noise and timesteps are fixed, so the curve itself hardly shakes


@dataclass(frozen=True)
class Measurement:
    """The validation loss after optimizer step `step` in `epoch`, both from 1."""

    step: int
    epoch: int
    loss: float


@dataclass
class History:
    """All measurements of a run in their order."""

    measured: list[Measurement] = field(default_factory=list)

    @property
    def best(self) -> Measurement | None:
        """The first of the lowest; None if there is none yet or none is a number."""
        numbers = [one for one in self.measured if math.isfinite(one.loss)]
        return min(numbers, key=lambda one: one.loss, default=None)

    @property
    def without_better(self) -> int:
        """Number of measurements since the best one."""
        best = self.best
        return len(self.measured) if best is None else len(self.measured) - 1 - self.measured.index(best)

    @property
    def overfitted(self) -> bool:
        """Whether the last value has risen above the lowest by more than the curve's usual noise."""
        best = self.best
        return best is not None and not self.measured[-1].loss <= OVERFITTED_ABOVE * best.loss

    def state_dict(self) -> list[dict[str, Any]]:
        """State that resuming needs, as plain values."""
        return [asdict(one) for one in self.measured]

    def load_state_dict(self, state: Iterable[Mapping[str, Any]]) -> None:
        """Go on from what `state_dict` gave."""
        self.measured = [Measurement(**one) for one in state]


def nearest_file(saved: Mapping[Path, int], step: int) -> Path | None:
    """Find the saved file (path: step), still there, that is nearest to `step`; the earlier of two."""
    there = {path: saved_at for path, saved_at in saved.items() if path.exists()}
    return min(there, key=lambda path: (abs(there[path] - step), there[path]), default=None)


def verdict(history: History, best: Measurement, nearest: Path | None) -> Problem:
    """Notice on the curve at the end of a run, `best` being its lowest value and `nearest` the file saved near it."""
    facts = {"epoch": best.epoch, "step": best.step, "best": f"{best.loss:.4f}"}
    facts["file"] = nearest.name if nearest else "–"
    if history.overfitted:
        return problem(
            "validation_overfitted",
            "The validation loss was lowest in epoch {epoch} (step {step}): {best}. It has risen to {last} since, so "
            "the run has over-fitted. The saved file nearest to the lowest value is {file}.",
            last=f"{history.measured[-1].loss:.4f}", **facts,
        )
    if not history.without_better:
        return problem(
            "validation_still_falling",
            "The validation loss was lowest at the end, in epoch {epoch} (step {step}): {best}. The run has not "
            "over-fitted; a longer one may learn more. The file is {file}.",
            **facts,
        )
    return problem(
        "validation_lowest",
        "The validation loss was lowest in epoch {epoch} (step {step}): {best}. It has hardly risen since, so the run "
        "has not over-fitted. The saved file nearest to the lowest value is {file}.",
        **facts,
    )
