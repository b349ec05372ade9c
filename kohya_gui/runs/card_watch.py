"""The cards' state while a run is at work: one question every few seconds, however many pages are open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache

from kohya_gui.runs.index import active_runs
from kohya_gui.runs.registry import AT_WORK
from train_core.facts.machine.card_state import CardState, card_states

FRESH, WITHOUT = 3.0, 60.0  # seconds that an answer is good for, and one that there is nothing to be read


class CardWatch:
    """Remembers the last answer of `read`, asked by the clock `now`."""

    def __init__(
        self, read: Callable[[], list[CardState]] = card_states, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._now = now
        self._lock = threading.Lock()
        self._known: list[CardState] = []
        self._until = float("-inf")

    def states(self) -> list[CardState]:
        """The cards' state, at most a few seconds old. Who asks while it is being read waits for that answer."""
        with self._lock:
            if self._now() >= self._until:
                self._known = self._read()
                self._until = self._now() + (FRESH if self._known else WITHOUT)
            return self._known


@cache
def _watch() -> CardWatch:
    return CardWatch()


def states_now() -> list[CardState]:
    """The cards' state while a run is at work; nothing, and no program asked, while none is."""
    return _watch().states() if any(run.status in AT_WORK for run in active_runs()) else []
