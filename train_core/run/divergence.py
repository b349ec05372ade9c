"""Noticing that a run has diverged: its smoothed loss stays far above its best."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

FAR_ABOVE = 3.0
HEALTHY_BELOW = 1.5
LONGEST_WINDOW, SHORTEST_WINDOW = 100, 25


@dataclass
class Divergence:
    """Follows one loss a step. `mean` is smoothed over about twice `window` steps, `best` the lowest it has been.

    Single losses of diffusion models jump by more than their own size from timestep to timestep, hence the long window
    and the wide margin: only a loss that has really run away is reported.
    """

    window: int
    mean: float = 0.0
    seen: int = 0
    best: float = math.inf
    above: int = 0
    diverged: bool = False

    @classmethod
    def over(cls, total_steps: int) -> Divergence:
        """One for a run of that length."""
        return cls(min(LONGEST_WINDOW, max(SHORTEST_WINDOW, total_steps // 10)))

    def note(self, loss: float) -> bool:
        """Take in the loss of a step. True at the step at which the run turns out to have diverged."""
        self.seen += 1
        self.mean += (loss - self.mean) / min(self.seen, self.window)
        if self.seen < self.window:
            return False
        self.best = min(self.best, self.mean)
        self.above = self.above + 1 if self.mean > FAR_ABOVE * self.best else 0
        was_diverged, self.diverged = self.diverged, self.above >= self.window or (self.diverged and self.above > 0)
        return self.diverged and not was_diverged

    @property
    def healthy(self) -> bool:
        """Whether the loss is near its best, so that the present state is worth going back to."""
        return self.seen >= self.window and self.mean <= HEALTHY_BELOW * self.best

    def go_back_to(self, mean: float) -> None:
        """Go on as when the smoothed loss was `mean`."""
        self.mean, self.above, self.diverged = mean, 0, False

    def state_dict(self) -> dict[str, Any]:
        """State that resuming needs, as plain values."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        for name, value in state.items():
            setattr(self, name, value)
