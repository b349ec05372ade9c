"""What was decided about pictures, told from the journal, of each kind in `KINDS`, and what undo does.

An entry says what was there before and what is there now, so that undoing it needs nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from train_core.studio import boxes, painting

KEEP, REJECT, SKIP, UNDECIDED = MARKS = ("k", "r", "s", ".")
RATINGS = ("1", "2", "3", "4", "5")  # stars
CAPTIONS = "captions"  # what an entry is called that changes these, and decides nothing about pictures


@dataclass(frozen=True)
class Kind:
    """A kind of decision, whose values are text. `name` is what it is called in the journal and among `Facts`.

    `nothing` stands for no decision; `shown` makes of a value what the facts have. What is `drawn` belongs to the
    picture's pixels, and holds for another file with the same ones.
    """

    name: str
    nothing: str = ""
    shown: Callable[[str], Any] = str
    drawn: bool = False


def _stars(value: str) -> int:
    return int(value) if value in RATINGS else 0


KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (
        Kind("mark", UNDECIDED),
        Kind("rating", shown=_stars),
        Kind("shot"),
        Kind("boxes", shown=boxes.names_of, drawn=True),
        Kind("painted", shown=painting.kinds_of, drawn=True),
    )
}  # fmt: skip

Change = Mapping[str, Sequence[str | None]]  # (before, after) by a picture's digest, or by a caption's path


@dataclass(frozen=True)
class Step:
    """Something that can be undone. `kind` is one of `KINDS` or `CAPTIONS`; `words` tell these changes apart."""

    number: int
    kind: str
    change: Change
    words: Mapping[str, Any] = field(default_factory=dict)


class Decisions:
    """The state of all decisions after the entries that were taken in so far."""

    def __init__(self) -> None:
        self.values: Mapping[str, dict[str, str]] = {kind: {} for kind in KINDS}  # by the digest of a picture
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
        elif isinstance(kind, str) and (kind in KINDS or kind == CAPTIONS):
            words = entry.get("words")
            step = Step(number, kind, _change(entry.get("to")), words if isinstance(words, dict) else {})
            self.done.append(step)
            self.undone.clear()
            self._put(step, back=False)

    def _put(self, step: Step, back: bool) -> None:
        self.put = step
        if step.kind == CAPTIONS:
            self.unfinished = (step, back)
            return
        values, nothing = self.values[step.kind], KINDS[step.kind].nothing
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
