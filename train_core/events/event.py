"""The base class of all events, and the one table of their kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

OTHERWISE = "otherwise"  # in a field's metadata: its value on reading, where a line has none that can be used


@dataclass(frozen=True)
class Event:
    """A message of a job. `time` is in Unix seconds, set on writing; `pid` is that of a job's process that starts, and
    `born` distinguishes it from others with that number, see `facts.run.processes`.

    A field without a default is always written; one with a default is left out while it has it. On reading, a value
    that is missing or of a wrong type becomes the default, else nothing: None, 0, "" or an empty collection.
    """

    kind: ClassVar[str] = ""
    time: float | None = field(default=None, kw_only=True)
    pid: int | None = field(default=None, kw_only=True)
    born: str | None = field(default=None, kw_only=True)

    def fitted(self) -> Event:
        """The event as it was read, without contradictory fields, so that its readers need not check."""
        return self

    def words(self) -> str:
        """The event as a person reads it in a terminal, mostly as a `Phrase`; "" where there is nothing to say."""
        return ""


@dataclass(frozen=True)
class Unknown(Event):
    """An event of a kind that this version does not know."""

    name: str


KINDS: dict[str, type[Event]] = {}
AnEvent = TypeVar("AnEvent", bound=type[Event])


def event(kind: str) -> Callable[[AnEvent], AnEvent]:
    """Class decorator: makes a dataclass the event `kind`, so that it is written, read, printed and documented."""

    def registered(cls: AnEvent) -> AnEvent:
        if kind in KINDS:
            raise ValueError(f"there is an event {kind} already")
        cls.kind = kind
        KINDS[kind] = cls
        return cls

    return registered


def own_fields(cls: type[Any]) -> list[Any]:
    """The dataclass fields of an event's class, without those that every event has."""
    common = {one.name for one in fields(Event)}
    return [one for one in fields(cls) if one.name not in common]
