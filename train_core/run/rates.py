"""Learning rates changed by hand during a run: each applies from its step on, however often the run resumes."""

from __future__ import annotations

from collections.abc import Iterable

from train_core.config.problems import UserError, problem
from train_core.events.event import Event
from train_core.events.kinds import RateChanged, RateStage
from train_core.facts.run.rate_changes import RateChange
from train_core.facts.run.schedules import stage_at
from train_core.optim.schedule import Schedule


class RateChanges:
    """Changes `schedule.factor` when asked to, and again at the same steps in a run that goes over them once more."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._again: dict[int, tuple[float, str]] = {}
        self._pressed_again: set[int] = set()
        self.told_stage: int | None = None  # from 0

    def change(self, step: int, wanted: RateChange) -> float:
        """Change the rates of the steps that follow after `step`; groups keep their proportions.

        Returns the factor that is now on top of the schedule. Raises UserError where the optimizer takes no rate.
        """
        if wanted.relative:
            self.schedule.factor *= wanted.value
        else:
            self.schedule.factor = wanted.value / self._highest(step)
        return self.schedule.factor

    def next_stage(self, step: int) -> None:
        """End the present stage of the rate after `step`. Raises UserError where no other follows."""
        stages = self.schedule.stages
        if stages and self.told_stage not in (None, stage_at(stages, step)):
            return  # it has begun by itself since the request was made
        if not self.schedule.end_stage(step):
            raise UserError(
                problem("no_stage_left", "No stage of the learning rate follows, so there is none to go on to.")
            )

    @property
    def stages_left(self) -> bool:
        """Whether a stage follows the one that was told of last."""
        return self.told_stage is not None and self.told_stage + 1 < len(self.schedule.stages)

    def stage_to_tell(self, step: int, pressed: bool = False) -> RateStage | None:
        """The stage that the step after `step` lies in, if it was not told of yet."""
        stages = self.schedule.stages
        if not stages or (place := stage_at(stages, step)) == self.told_stage:
            return None
        self.told_stage = place
        return RateStage(step, place + 1, len(stages), stages[place].value, pressed)

    def repeat_stage(self, step: int) -> bool:
        """End the present stage if the interrupted run did so after `step`; whether it did."""
        return step in self._pressed_again and self.schedule.end_stage(step)

    def repeat(self, step: int) -> str:
        """Change the rates as the interrupted run did after `step`. Returns the request, "" for none."""
        self.schedule.factor, asked = self._again.get(step, (self.schedule.factor, ""))
        return asked

    def take_over(self, events: Iterable[Event], after: int) -> None:
        """Remember the requests to the interrupted run after step `after`, which is not in its state."""
        for event in events:
            if isinstance(event, RateStage) and event.pressed and event.step > after:
                # Likewise: what was pressed at later steps, in a run that went another way, is not done again.
                self._pressed_again = {step for step in self._pressed_again if step < event.step} | {event.step}
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
