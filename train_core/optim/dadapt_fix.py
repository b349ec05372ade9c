"""Fixes for optimizers of other packages that could not be used otherwise."""

from __future__ import annotations

from collections.abc import Callable

import dadaptation


class DAdaptSGD(dadaptation.DAdaptSGD):
    """Waits while the rate is 0, as it is when a warm-up begins; the package's own divides by zero there."""

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step at the groups' rates; nothing when all of them are 0."""
        if not any(group["lr"] for group in self.param_groups):
            return None
        return super().step(closure)
