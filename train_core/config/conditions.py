"""Conditions on settings and facts under which a setting or section applies, as data that can be put into words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from train_core.config.phrases import Phrase, joined, phrase, setting_name

Values = Mapping[str, Any]
# What is known beside the settings, by name. Whatever is not there is not known (yet) and forbids nothing.
Facts = Mapping[str, Any]
FactName = Literal["family", "prediction_type"]
NOTHING_KNOWN: Facts = MappingProxyType({})


class Condition(ABC):
    """A condition on the values of a job's settings and on facts."""

    @property
    def settings(self) -> frozenset[str]:
        """The names of the settings that it asks for."""
        return frozenset()

    @property
    def facts(self) -> frozenset[str]:
        """The names of the facts that it asks for."""
        return frozenset()

    @property
    @abstractmethod
    def words(self) -> Phrase:
        """The condition in words that fit behind "when", such as `enable_bucket is on`."""

    @abstractmethod
    def holds(self, values: Values, facts: Facts = NOTHING_KNOWN) -> bool:
        """Whether it is met. A fact that is not known counts as met."""

    def unmet(self, values: Values, facts: Facts = NOTHING_KNOWN) -> Condition:
        """The part of an unmet condition that is not met."""
        return self


@dataclass(frozen=True)
class IsOneOf(Condition):
    """The setting `name` holds one of `accepted`."""

    name: str
    accepted: tuple[Any, ...]

    @property
    def settings(self) -> frozenset[str]:
        return frozenset({self.name})

    @property
    def words(self) -> Phrase:
        name = setting_name(self.name)
        if self.accepted == ("",):
            return phrase("is_empty", "{name} is empty", name=name)
        return phrase("is_one_of", "{name} is {values}", name=name, values=joined("or", map(_value, self.accepted)))

    def holds(self, values: Values, facts: Facts = NOTHING_KNOWN) -> bool:
        return values.get(self.name) in self.accepted


@dataclass(frozen=True)
class IsSet(Condition):
    """One of the settings `names` has a value that is not empty or zero."""

    names: tuple[str, ...]

    @property
    def settings(self) -> frozenset[str]:
        return frozenset(self.names)

    @property
    def words(self) -> Phrase:
        return phrase("is_set", "{names} is set", names=joined("or", map(setting_name, self.names)))

    def holds(self, values: Values, facts: Facts = NOTHING_KNOWN) -> bool:
        return any(values.get(name) for name in self.names)


@dataclass(frozen=True)
class IsAbove(Condition):
    """The setting `name` holds a number above `limit`."""

    name: str
    limit: float

    @property
    def settings(self) -> frozenset[str]:
        return frozenset({self.name})

    @property
    def words(self) -> Phrase:
        return phrase("is_above", "{name} is above {limit}", name=setting_name(self.name), limit=self.limit)

    def holds(self, values: Values, facts: Facts = NOTHING_KNOWN) -> bool:
        return (values.get(self.name) or 0) > self.limit


@dataclass(frozen=True)
class HasFact(Condition):
    """The fact `name` is one of `accepted`, or not known."""

    name: FactName
    accepted: tuple[str, ...]

    @property
    def facts(self) -> frozenset[str]:
        return frozenset({self.name})

    @property
    def words(self) -> Phrase:
        values = joined("or", map(_fact, self.accepted))
        if self.name == "family":
            return phrase("base_model_is", "the base model is {values}", values=values)
        return phrase("base_model_predicts", "the base model predicts {values}", values=values)

    def holds(self, values: Values, facts: Facts = NOTHING_KNOWN) -> bool:
        return facts.get(self.name) in (None, *self.accepted)


@dataclass(frozen=True)
class AllOf(Condition):
    """All `parts` are met; without any it always is."""

    parts: tuple[Condition, ...]

    @property
    def settings(self) -> frozenset[str]:
        return frozenset().union(*(part.settings for part in self.parts))

    @property
    def facts(self) -> frozenset[str]:
        return frozenset().union(*(part.facts for part in self.parts))

    @property
    def words(self) -> Phrase:
        return joined("also", [part.words for part in self.parts])

    def holds(self, values: Values, facts: Facts = NOTHING_KNOWN) -> bool:
        return all(part.holds(values, facts) for part in self.parts)

    def unmet(self, values: Values, facts: Facts = NOTHING_KNOWN) -> Condition:
        return all_of(*(part for part in self.parts if not part.holds(values, facts)))


ALWAYS: Condition = AllOf(())


def when(name: str, *accepted: Any) -> Condition:
    """Applies while the setting `name` holds one of `accepted`."""
    return IsOneOf(name, accepted)


def when_set(*names: str) -> Condition:
    """Applies while one of the settings `names` has a value that is not empty or zero."""
    return IsSet(names)


def when_above(name: str, limit: float) -> Condition:
    """Applies while the setting `name` holds a number above `limit`."""
    return IsAbove(name, limit)


def when_fact(name: FactName, *accepted: str) -> Condition:
    """Applies while the fact `name` is one of `accepted`, or not known."""
    return HasFact(name, accepted)


def all_of(*conditions: Condition) -> Condition:
    """Applies while all `conditions` do."""
    parts: list[Condition] = []
    for condition in conditions:
        parts += condition.parts if isinstance(condition, AllOf) else (condition,)
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _value(value: Any) -> Any:
    """A setting's value in words."""
    if isinstance(value, bool):
        return phrase("on", "on") if value else phrase("off", "off")
    return str(value)


def _fact(value: str) -> str:
    """A fact's value in words; names of model families are the same in every language."""
    kinds = {
        "epsilon": phrase("predicts_noise", "noise (epsilon)"),
        "v_prediction": phrase("predicts_velocity", "velocity (v)"),
    }
    return kinds.get(value, value)
