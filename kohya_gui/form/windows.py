"""Which windows of one user have a form open, and whether one of them still shows what another has changed since."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 100  # windows that are remembered


@dataclass
class Windows:
    """The values that the windows of one user have shown; `_seen` says up to which change each of them has."""

    _last: Mapping[str, Any] = field(default_factory=dict)
    _changes: int = 0
    _seen: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def shows(self, window: str, values: Mapping[str, Any]) -> bool:
        """Note that `window` shows `values`; whether another has shown others since it was last heard of."""
        behind = self._seen.get(window, self._changes) < self._changes
        if values != self._last:
            self._last, self._changes = dict(values), self._changes + 1
        self._seen[window] = self._changes
        self._seen.move_to_end(window)
        while len(self._seen) > MOST:
            self._seen.popitem(last=False)
        return behind
