"""A dataset that is open: its pictures, what is known and decided about them, and what undo takes back."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any

from train_core.config.problems import Problem
from train_core.studio import captions, stored_pixels
from train_core.studio.backups import Backups
from train_core.studio.caption_writing import write_changes
from train_core.studio.dataset import Dataset
from train_core.studio.decisions import CAPTIONS, KINDS, Decisions, Step, last_ones, together
from train_core.studio.journal import Journal
from train_core.studio.looking import Watch, headers, picture_files
from train_core.studio.pictures import Picture, digests_of, pictures_of, place_below
from train_core.studio.query import Facts


@dataclass
class Outcome:
    """What a change has done: pictures with another mark or shot, those with another caption, and what was left."""

    decided: set[int] = field(default_factory=set)
    captioned: set[int] = field(default_factory=set)
    left: list[Problem] = field(default_factory=list)
    step: Step | None = None


class OpenDataset:
    """Pictures, what is known of them, and the journal. Safe for several threads and for other processes that write."""

    def __init__(self, dataset: Dataset, watch: Watch | None = None) -> None:
        self.dataset = dataset
        self.lock = RLock()
        self.revision = time.time_ns() // 1_000_000  # so that none is that of an earlier start
        self.looks = 0  # at the folders
        self.finished: Step | None = None  # what a killed process had begun to write, finished when this was opened
        self.pictures: dict[int, Picture] = {}
        self.facts: dict[int, Facts] = {}
        self.unreadable: list[Path] = []
        self._journal = Journal(dataset.folder)
        self._decisions = Decisions()
        self._backups = Backups(dataset.folder, dataset.sources)
        self._by_digest: dict[str, list[int]] = {}
        self._digests: dict[int, str] = {}
        self._turned: dict[str, str] = {}  # digests of files with the pixels of others, to those that had their boxes
        self._by_caption: dict[Path, list[int]] = {}
        self._by_others: set[int] = set()  # pictures whose captions other programs have changed, which is still to tell
        self.look(watch)

    def look(self, watch: Watch | None = None) -> None:
        """Look at the folders again: what is there, what its captions say, what was decided about it."""
        paths = picture_files(self.dataset.sources, watch)
        found = headers(paths, watch)
        with self.lock:
            self.unreadable = [path for path in paths if path not in found]
            self.looks += 1
            self.pictures = pictures_of([path for path in paths if path in found], found)
            self._digests, self._by_digest, self._by_caption, self._turned = {}, {}, {}, {}
            self._by_others.clear()
            for id, picture in self.pictures.items():
                self._by_caption.setdefault(picture.path.with_suffix(""), []).append(id)
            self.facts = {id: self._seen(picture) for id, picture in self.pictures.items()}
            self._catch_up(captions_known=True)
            drawn = [values for kind, values in self._decisions.values.items() if KINDS[kind].drawn]
            if any(self._decisions.values.values()):
                self.identify(self.pictures)
            without = {id: (picture.path, picture.header) for id, picture in self.pictures.items()
                       if any(self._digests.get(id, "") not in one for one in drawn)}  # fmt: skip
            gone = {digest: text for one in drawn for digest, text in one.items() if digest not in self._by_digest}
            for id, digest in stored_pixels.turned(gone, without).items():
                self._turned[self._digests[id]] = digest
                self._decide(id, self._digests[id])
            if self._decisions.unfinished is not None:
                with self._journal.alone():  # another process may be at it
                    self._catch_up()
                    self.finished = self._decisions.unfinished[0] if self._decisions.unfinished else None
                    self._finish()
            self.revision += 1

    def _seen(self, picture: Picture) -> Facts:
        """What is known of a picture without a decision."""
        head = picture.header
        plain = Facts(
            picture.path.name, head.width, head.height, alpha=head.alpha, animated=head.animated,
            folder=place_below(picture.path.parent, self.dataset.sources),
            generated=head.generated,
        )  # fmt: skip
        return _with_caption(plain, captions.read(captions.caption_file(picture.path)))

    # What is decided

    def identify(self, ids: Iterable[int]) -> dict[int, str]:
        """The digests of pictures' contents; those that cannot be read any more are left out."""
        missing = {id: self.pictures[id].path for id in ids if id not in self._digests and id in self.pictures}
        found = digests_of(missing)
        with self.lock:
            for id, digest in found.items():
                if id in self.pictures and id not in self._digests:
                    self._digests[id] = digest
                    self._by_digest.setdefault(digest, []).append(id)
                    self._decide(id, digest)
        return {id: self._digests[id] for id in ids if id in self._digests}

    def _decide(self, id: int, digest: str) -> None:
        facts = self.facts[id]
        told = {name: kind.shown(self._value(name, digest)) for name, kind in KINDS.items()}
        if any(getattr(facts, name) != value for name, value in told.items()):
            self.facts[id] = replace(facts, **told)

    def _value(self, kind: str, digest: str) -> str:
        """What is decided about pictures with this content; what is drawn also where other files had their pixels."""
        values, nothing = self._decisions.values[kind], KINDS[kind].nothing
        found = values.get(digest, nothing)
        if found == nothing and KINDS[kind].drawn:
            return values.get(self._turned.get(digest, ""), nothing)
        return found

    def set_sources(self, dataset: Dataset) -> None:
        """Be the same dataset with other folders, and look at them."""
        with self.lock:
            self.dataset = dataset
            self._backups = Backups(dataset.folder, dataset.sources)
            self.look()

    # Undo and redo

    @property
    def last_step(self) -> Step | None:
        """What `undo` would take back."""
        return together(self._decisions.done)

    @property
    def next_step(self) -> Step | None:
        """What `redo` would do again."""
        return together(self._decisions.undone)

    def undo(self) -> Outcome:
        """Take the last change back; captions that were changed otherwise meanwhile stay, and are named."""
        return self._go("undo")

    def redo(self) -> Outcome:
        """Do again what was taken back last."""
        return self._go("redo")

    def _go(self, way: str) -> Outcome:
        with self.lock, self._journal.alone():
            self._catch_up()
            whole = self.last_step if way == "undo" else self.next_step
            outcome = Outcome(step=whole)
            for step in last_ones(self._decisions.done if way == "undo" else self._decisions.undone):
                taken = self._take({"do": way, "of": step.number})
                outcome.decided |= taken.decided
                outcome.captioned |= taken.captioned
                outcome.left += taken.left
            return outcome

    # The journal

    def _take(self, entry: dict[str, Any]) -> Outcome:
        """Write an entry, and do what it says; only while the journal is held."""
        self._journal.add({"n": self._decisions.last + 1, "at": f"{datetime.now():%Y-%m-%dT%H:%M:%S}", **entry})
        outcome = self._catch_up()
        outcome.step = self._decisions.put
        outcome.left += self._finish(outcome)
        outcome.captioned |= self._by_others
        self._by_others.clear()
        self.revision += 1
        return outcome

    @property
    def entries(self) -> int:
        """The number of the journal's last entry: another one when anybody has decided or changed something."""
        return self._decisions.last

    def follow(self) -> None:
        """Take in what other programs, such as a tagger's, have decided and written since."""
        with self.lock:
            if self._catch_up().decided:
                self.revision += 1
            self._by_others.clear()

    def _catch_up(self, captions_known: bool = False) -> Outcome:
        """Take in what the journal says new. Captions that others have written are read, unless they were just now."""
        outcome = Outcome()
        written: set[Path] = set()
        all_identified = False
        for entry in self._journal.new():
            self._decisions.put = None
            unfinished = self._decisions.unfinished
            self._decisions.take(entry)
            if unfinished is not None and self._decisions.unfinished is None and not captions_known:
                written |= {Path(name).with_suffix("") for name in unfinished[0].change}
            step = self._decisions.put
            digests: Iterable[str] = step.change if step is not None and step.kind != CAPTIONS else ()
            if not all_identified and any(digest not in self._by_digest for digest in digests):
                self.identify(self.pictures)  # decided by another program, or of pictures that are gone
                all_identified = True
            for digest in digests:
                for id in self._by_digest.get(digest, ()):
                    self._decide(id, digest)
                    outcome.decided.add(id)
        for id in (id for path in written for id in self._by_caption.get(path, ())):
            self._note(id, captions.read(captions.caption_file(self.pictures[id].path)))
            self._by_others.add(id)
        return outcome

    def _finish(self, outcome: Outcome | None = None) -> list[Problem]:
        """Write the captions that the journal says are to be written, also after a killed process; what was left."""
        if self._decisions.unfinished is None:
            return []
        step, back = self._decisions.unfinished
        written, left = write_changes(step.change, back, self._backups)
        nothing = {} if written or back else {"nothing": True}
        self._journal.add({"n": self._decisions.last + 1, "do": "written", "of": step.number, **nothing})
        self._catch_up(captions_known=True)
        for path, text in written.items():
            for id in self._by_caption.get(path.with_suffix(""), ()):
                self._note(id, captions.CaptionText(text))
                if outcome is not None:
                    outcome.captioned.add(id)
        return left

    def _note(self, id: int, text: captions.CaptionText) -> None:
        facts = _with_caption(self.facts[id], text)
        if facts != self.facts[id]:
            self.facts[id] = facts
            self.revision += 1


def _with_caption(facts: Facts, text: captions.CaptionText) -> Facts:
    shown = text.shown
    tags = frozenset(sys.intern(tag.lower()) for tag in captions.all_tags(shown))
    return replace(facts, caption=shown, tags=tags, captioned=bool(re.search(r"\S", shown)))
