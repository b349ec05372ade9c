"""Undo and redo over everything that was typed into a form or loaded into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 200  # steps back
Values = Mapping[str, Any]


@dataclass
class History:
    """The values that a form has had, in order; `_at` is the place of those that it has now."""

    _past: list[dict[str, Any]] = field(default_factory=list)
    _at: int = -1
    _typing: str = ""  # the one setting that changed last, whose next change continues the same step

    def note(self, values: Values) -> None:
        """Take `values` as what the form has now. Changes of one field in a row are one step."""
        now = dict(values)
        if self._at < 0:
            self._past, self._at = [now], 0
            return
        changed = [name for name in now if now[name] != self._past[self._at].get(name)]
        if all(name.startswith("@") for name in changed):  # what stands beside the form is no step of its own
            self._past[self._at] = now
            return
        only = changed[0] if len(changed) == 1 else ""
        continues = bool(only) and only == self._typing and self._at == len(self._past) - 1 > 0
        self._typing = only
        if continues:
            self._past[self._at] = now
            if now == self._past[self._at - 1]:  # back where it was, perhaps since a browser has sent old values late
                self._past.pop()
                self._at -= 1
                self._typing = ""
            return
        self._past = [*self._past[: self._at + 1], now][-MOST:]
        self._at = len(self._past) - 1

    def put(self, values: Values) -> None:
        """Take `values` that were put into the form at once: a step of its own, also right after or before typing."""
        self._typing = ""
        self.note(values)
        self._typing = ""

    def undo(self) -> Values | None:
        """The values before those of now, which become those of now; None where there are none."""
        return self._go(-1)

    def redo(self) -> Values | None:
        """The values that were undone last; None where there are none."""
        return self._go(1)

    def _go(self, by: int) -> Values | None:
        if not 0 <= self._at + by < len(self._past):
            return None
        self._at += by
        self._typing = ""
        return self._past[self._at]
