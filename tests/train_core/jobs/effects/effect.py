"""The effect that a setting is for, as a statement about a run without it and a run with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.train_core.jobs.effects.outcome import Outcome

Statement = Callable[[Outcome, Outcome], None]


@dataclass(frozen=True)
class Effect:
    """Effect of changing a setting to `value`, besides what has to be `given` in both runs for it to apply.

    `holds` asserts it of the run before and the run after; its name says what it is.
    """

    setting: str
    value: Any
    holds: Statement
    given: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.setting}: {self.holds.__name__.replace('_', ' ')}"


class Effects(list[Effect]):
    """The effects of one group of settings, which collect as they are stated."""

    def of(self, setting: str, value: Any, **given: Any) -> Callable[[Statement], Statement]:
        """Decorate the statement of what `setting` does when it becomes `value`."""

        def collect(statement: Statement) -> Statement:
            self.append(Effect(setting, value, statement, given))
            return statement

        return collect
