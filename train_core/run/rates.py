"""Learning rates changed by hand during a run: each applies from its step on, however often the run resumes."""

from __future__ import annotations

from collections.abc import Iterable

from train_core.config.problems import UserError, problem
from train_core.events.event import Event
from train_core.events.kinds import RateChanged
from train_core.facts.run.rate_changes import RateChange
from train_core.optim.schedule import Schedule


class RateChanges:
    """Changes `schedule.factor` when asked to, and again at the same steps in a run that goes over them once more."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._again: dict[int, tuple[float, str]] = {}

    def change(self, step: int, wanted: RateChange) -> float:
        """Change the rates of the steps that follow after `step`; groups keep their proportions.

        Returns the factor that is now on top of the schedule. Raises UserError where the optimizer takes no rate.
        """
        if wanted.relative:
            self.schedule.factor *= wanted.value
        else:
            self.schedule.factor = wanted.value / self._highest(step)
        return self.schedule.factor

    def repeat(self, step: int) -> str:
        """Change the rates as the interrupted run did after `step`. Returns the request, "" for none."""
        self.schedule.factor, asked = self._again.get(step, (self.schedule.factor, ""))
        return asked

    def take_over(self, events: Iterable[Event], after: int) -> None:
        """Remember the requests to the interrupted run after step `after`, which is not in its state."""
        for event in events:
            if isinstance(event, RateChanged) and event.step > after:
                # Asked for again at an earlier step, a change replaces what came later.
                kept = {step: change for step, change in self._again.items() if step < event.step}
                self._again = {**kept, event.step: (event.factor, event.change)}

    def _highest(self, step: int) -> float:
        """The highest rate that the schedule alone gives the coming step; where that is 0, the highest base rate."""
        bases = [base for base in self.schedule.base_rates if base is not None]
        if not bases:
            raise UserError(
                problem("rate_is_the_optimizers", "This optimizer finds its own learning rate; it cannot be changed.")
            )
        self.schedule.factor = 1.0
        self.schedule.set_for(step)
        return max(float(group["lr"]) for group in self.schedule.optimizer.param_groups) or max(bases)
