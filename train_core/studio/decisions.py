"""What was decided about pictures, told from the journal: marks, ratings, shots, boxes, paint, and what undo does.

An entry says what was there before and what is there now, so that undoing it needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

KEEP, REJECT, SKIP, UNDECIDED = MARKS = ("k", "r", "s", ".")
NO_SHOT = NO_BOXES = NO_RATING = NO_PAINT = ""

Change = Mapping[str, Sequence[str | None]]  # (before, after) by a picture's digest, or by a caption's path


@dataclass(frozen=True)
class Step:
    """Something that can be undone.

    `kind` is mark, rating, shot, boxes, painted or captions; `words` tell captions' changes apart.
    """

    number: int
    kind: str
    change: Change
    words: Mapping[str, Any] = field(default_factory=dict)


class Decisions:
    """The state of all decisions after the entries that were taken in so far."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}
        self.shots: dict[str, str] = {}
        self.ratings: dict[str, str] = {}  # "1" to "5"
        self.boxes: dict[str, str] = {}  # as text, see boxes.py
        self.painted: dict[str, str] = {}  # as text, see painting.py
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.last = 0  # number of an entry
        self.unfinished: tuple[Step, bool] | None = None  # captions that were being written: forwards or back
        self.put: Step | None = None  # the step that was done, undone or redone last

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take an entry of the journal in; what is none has no effect."""
        number, kind = entry.get("n"), entry.get("do")
        if type(number) is not int:
            return
        self.last = max(self.last, number)
        if kind == "undo" and self.done and self.done[-1].number == entry.get("of"):
            step = self.done.pop()
            self.undone.append(step)
            self._put(step, back=True)
        elif kind == "redo" and self.undone and self.undone[-1].number == entry.get("of"):
            step = self.undone.pop()
            self.done.append(step)
            self._put(step, back=False)
        elif kind == "written":
            self.unfinished = None
            if entry.get("nothing") is True and self.done and self.done[-1].number == entry.get("of"):
                self.done.pop()  # no file could be written, so there is nothing to undo
        elif kind in ("mark", "rating", "shot", "boxes", "painted", "captions"):
            words = entry.get("words")
            step = Step(number, kind, _change(entry.get("to")), words if isinstance(words, dict) else {})
            self.done.append(step)
            self.undone.clear()
            self._put(step, back=False)

    def _put(self, step: Step, back: bool) -> None:
        self.put = step
        if step.kind == "captions":
            self.unfinished = (step, back)
            return
        values, nothing = {
            "mark": (self.marks, UNDECIDED), "shot": (self.shots, NO_SHOT), "boxes": (self.boxes, NO_BOXES),
            "rating": (self.ratings, NO_RATING), "painted": (self.painted, NO_PAINT),
        }[step.kind]  # fmt: skip
        for digest, (before, after) in step.change.items():
            value = before if back else after
            if value is None or value == nothing:
                values.pop(digest, None)
            else:
                values[digest] = value


def last_ones(steps: Sequence[Step]) -> list[Step]:
    """The last step, and those before it that have the same `group` among their words; the last one first."""
    if not steps:
        return []
    group = steps[-1].words.get("group")
    same = takewhile(lambda step: step.words.get("group") == group, reversed(steps))
    return list(same) if isinstance(group, str) and group else [steps[-1]]


def together(steps: Sequence[Step]) -> Step | None:
    """The last step with all that belong to its group as one; None if there is none."""
    found = last_ones(steps)
    if len(found) < 2:
        return found[0] if found else None
    return replace(found[0], change={key: pair for step in found for key, pair in step.change.items()})


def _change(given: Any) -> Change:
    pairs = given.items() if isinstance(given, dict) else ()
    return {
        key: tuple(pair) for key, pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and all(one is None or isinstance(one, str) for one in pair)
    }  # fmt: skip
