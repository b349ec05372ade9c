"""A dataset that is open: its pictures, what was decided about them, and every change with its undoing."""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from threading import RLock
from typing import Any

from train_core.config.problems import Problem, UserError, problem
from train_core.facts.images.image_files import ImageHeader, content_hashes
from train_core.studio import boxes, captions, painting
from train_core.studio.backups import Backups
from train_core.studio.boxes import Box, Boxed
from train_core.studio.caption_writing import write_changes
from train_core.studio.dataset import BoxKind, Dataset, Shot, with_box_kinds, with_shots
from train_core.studio.decisions import CAPTIONS, KINDS, Decisions, Step, last_ones, together
from train_core.studio.journal import Journal
from train_core.studio.looking import headers, picture_files
from train_core.studio.painting import Painted
from train_core.studio.query import Facts


@dataclass(frozen=True)
class Picture:
    """A picture of a dataset. `id` follows from its path, so that it stays when the program is started again."""

    id: int
    path: Path
    header: ImageHeader
    stamp: str  # another one when the file has changed
    seconds: float  # when that was


@dataclass
class Outcome:
    """What a change has done: pictures with another mark or shot, those with another caption, and what was left."""

    decided: set[int] = field(default_factory=set)
    captioned: set[int] = field(default_factory=set)
    left: list[Problem] = field(default_factory=list)
    step: Step | None = None


class Studio:
    """One open dataset. Safe for several threads; other processes may write to the same journal."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.lock = RLock()
        self.revision = time.time_ns() // 1_000_000  # so that none is that of an earlier start
        self.looks = 0  # at the folders
        self.finished: Step | None = None  # what a killed process had begun to write, finished when this was opened
        self.pictures: dict[int, Picture] = {}
        self.facts: dict[int, Facts] = {}
        self.unreadable = 0
        self._journal = Journal(dataset.folder)
        self._decisions = Decisions()
        self._backups = Backups(dataset.folder, dataset.sources)
        self._by_digest: dict[str, list[int]] = {}
        self._digests: dict[int, str] = {}
        self._turned: dict[str, str] = {}  # digests of files with the pixels of others, to those that had their boxes
        self._by_caption: dict[Path, list[int]] = {}
        self._by_others: set[int] = set()  # pictures whose captions other programs have changed, which is still to tell
        self.look()

    def look(self) -> None:
        """Look at the folders again: what is there, what its captions say, what was decided about it."""
        paths = picture_files(self.dataset.sources)
        found = headers(paths)
        with self.lock:
            self.unreadable = len(paths) - len(found)
            self.looks += 1
            self.pictures = _pictures([path for path in paths if path in found], found)
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
            for id, digest in boxes.turned(gone, without).items():
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
            folder=_below(picture.path.parent, self.dataset.sources),
            generated=head.generated,
        )  # fmt: skip
        return _with_caption(plain, captions.read(captions.caption_file(picture.path)))

    # Marks and shots

    def identify(self, ids: Iterable[int]) -> dict[int, str]:
        """The digests of pictures' contents; those that cannot be read any more are left out."""
        missing = {id: self.pictures[id].path for id in ids if id not in self._digests and id in self.pictures}
        for id, digest in _digests(missing).items():
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

    def mark(self, ids: Sequence[int], mark: str) -> Outcome:
        """Give pictures a mark. Raises UserError where that cannot be written."""
        return self._decide_all("mark", ids, mark)

    def rate(self, ids: Sequence[int], rating: int) -> Outcome:
        """Give pictures 1 to 5 stars, or with 0 none. Raises UserError where that cannot be written."""
        return self._decide_all("rating", ids, str(rating) if rating else "")

    def shoot(self, ids: Sequence[int], shot: str) -> Outcome:
        """Say what kind of picture these are, "" for none. Raises UserError where that cannot be written."""
        return self._decide_all("shot", ids, shot)

    def _decide_all(self, kind: str, ids: Sequence[int], value: str) -> Outcome:
        with self.lock, self._journal.alone():
            self._catch_up()
            before = {digest: self._value(kind, digest) for digest in self.identify(ids).values()}
            change = {digest: [had, value] for digest, had in before.items() if had != value}
            if not change:
                return Outcome()
            return self._take({"do": kind, "to": change, "words": {"value": value}})

    # Boxes, and what is painted

    def boxes(self, id: int) -> tuple[Box, ...]:
        """The boxes of a picture, in pixels of the upright picture. Raises UserError if it cannot be read any more."""
        said = self._value("boxes", self.identify([id]).get(id, ""))
        if not said:
            return ()
        kept, (size, turn) = boxes.from_text(said), boxes.stored_size(self.pictures[id].path)
        return tuple(boxes.upright(box, size, turn) for box in kept.boxes) if kept.size == size else ()

    def put_boxes(self, id: int, given: Any) -> Outcome:
        """Give a picture other boxes, as rows in pixels of the upright picture. Raises UserError for what is none."""
        head = self.pictures[id].header
        wanted = boxes.checked(given, head.width, head.height)

        def text(pixels: str, size: tuple[int, int], turn: int) -> str:
            return boxes.as_text(Boxed(pixels, size, tuple(boxes.stored(box, size, turn) for box in wanted)))

        return self._draw("boxes", id, text, anything=bool(wanted))

    def painted(self, id: int) -> tuple[Painted, int] | None:
        """What is painted on a picture as it is stored, and its EXIF orientation; None if nothing is.

        Raises UserError if it cannot be read any more.
        """
        said = self._value("painted", self.identify([id]).get(id, ""))
        kept = painting.from_text(said)
        if not kept.strokes:
            return None
        size, turn = boxes.stored_size(self.pictures[id].path)
        return (kept, turn) if kept.size == size else None

    def paint(self, id: int, given: Any) -> Outcome:
        """Have this painted on a picture, as rows in pixels of the upright one. Raises UserError for what cannot be."""
        head = self.pictures[id].header
        wanted = painting.checked(given, head.width, head.height)

        def text(pixels: str, size: tuple[int, int], turn: int) -> str:
            return painting.as_text(Painted(pixels, size, painting.stored_strokes(wanted, size, turn)))

        return self._draw("painted", id, text, anything=bool(wanted))

    def _draw(
        self, kind: str, id: int, text: Callable[[str, tuple[int, int], int], str], anything: bool
    ) -> Outcome:
        """Keep what is drawn on a picture; `text` says it for the digest of its pixels, stored size and orientation."""
        path = self.pictures[id].path
        size, turn = boxes.stored_size(path)
        said = text(boxes.pixels_of(path), size, turn)
        with self.lock, self._journal.alone():
            self._catch_up()
            digest = self.identify([id]).get(id, "")
            before = self._value(kind, digest)
            after = said if anything or digest in self._turned else ""  # else that of the file before would return
            if not digest or before == after:
                return Outcome()
            return self._take({"do": kind, "to": {digest: [before, after]}})

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

    # Captions

    def caption(self, id: int) -> captions.CaptionText:
        """The caption of a picture as it is on disk now."""
        with self.lock:
            text = captions.read(captions.caption_file(self.pictures[id].path))
            self._note(id, text)
            return text

    def write(self, id: int, text: str, seen: str) -> Outcome:
        """Write the caption `text`, which a person made of `seen`. Raises UserError if the file says something else."""
        wanted = captions.checked(text)
        with self.lock:
            path = captions.caption_file(self.pictures[id].path)
            now = captions.read(path)
            if now.problem is not None:
                raise UserError(now.problem)
            if now.shown != seen:
                raise UserError(changed_outside(path))
            return self._change_captions({path: (now.whole, captions.rewritten(now.whole, wanted))}, {"do": "edit"})

    def preview(self, ids: Iterable[int], edit: Callable[[str], str]) -> list[tuple[int, str, str]]:
        """The captions that `edit` changes: picture, text before and text after."""
        found = []
        for id in ids:
            before = captions.read(captions.caption_file(self.pictures[id].path))
            if before.problem is None and (after := edit(before.shown)) != before.shown:
                found.append((id, before.shown, after))
        return found

    def edit(self, ids: Iterable[int], edit: Callable[[str], str], words: Mapping[str, Any]) -> Outcome:
        """Change captions by `edit`, a text to a text, as one step that `words` describe."""
        return self.edit_each(dict.fromkeys(ids, edit), words)

    def edit_each(self, edits: Mapping[int, Callable[[str], str]], words: Mapping[str, Any]) -> Outcome:
        """Change each caption by an edit of its own, as one step that `words` describe.

        Steps that follow each other and have the same `group` among their words are undone and redone together: a tool
        that is stopped between two of them has done the first for good.
        """

        def text(id: int, now: captions.CaptionText) -> str | None:
            if now.problem is not None:
                return None
            return captions.rewritten(now.whole, captions.checked(edits[id](now.shown)))

        return self._rewrite(edits, text, words)

    def convert(self, ids: Iterable[int]) -> Outcome:
        """Write captions that are in other encodings as UTF-8; those in none that is known are named."""
        return self._rewrite(ids, lambda _, now: captions.in_utf8(now), {"do": "convert"})

    def _rewrite(
        self, ids: Iterable[int], text: Callable[[int, captions.CaptionText], str | None], words: Mapping[str, Any]
    ) -> Outcome:
        """Give captions the `text` of picture and present text; None leaves one, and names what is wrong with it."""
        with self.lock:
            changes: dict[Path, tuple[str | None, str | None]] = {}
            left = []
            for id in ids:
                path = captions.caption_file(self.pictures[id].path)
                now = captions.read(path)
                wanted = text(id, now)
                if wanted is not None:
                    changes[path] = (now.whole, wanted)
                elif now.problem is not None:
                    left.append(now.problem)
            outcome = self._change_captions(changes, words)
            return replace(outcome, left=[*left, *outcome.left])

    def in_other_encodings(self, ids: Iterable[int]) -> list[int]:
        """Those of the pictures whose captions are there, and not in UTF-8."""
        with self.lock:
            found = {id: captions.read(captions.caption_file(self.pictures[id].path)) for id in ids
                     if id in self.pictures and not self.facts[id].captioned}  # fmt: skip
        return [id for id, text in found.items() if text.problem is not None and text.whole is not None]

    def _change_captions(
        self, changes: Mapping[Path, tuple[str | None, str | None]], words: Mapping[str, Any]
    ) -> Outcome:
        change = {
            str(path): [before, after] for path, (before, after) in changes.items()
            if before != after and (before is not None or after)
        }
        if not change:
            return Outcome()
        with self._journal.alone():
            self._catch_up()
            return self._take({"do": CAPTIONS, "to": change, "words": dict(words)})

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
        for entry in self._journal.new():
            self._decisions.put = None
            unfinished = self._decisions.unfinished
            self._decisions.take(entry)
            if unfinished is not None and self._decisions.unfinished is None and not captions_known:
                written |= {Path(name).with_suffix("") for name in unfinished[0].change}
            step = self._decisions.put
            digests: Iterable[str] = step.change if step is not None and step.kind != CAPTIONS else ()
            if any(digest not in self._by_digest for digest in digests):  # decided by another program, or elsewhere
                self.identify(self.pictures)
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

    def fill(self, texts: Mapping[int, str], words: Mapping[str, Any]) -> Outcome:
        """Write captions for those of the pictures that have no caption file, as one step that `words` describe."""
        without = [
            id for id in texts
            if id in self.pictures and captions.read(captions.caption_file(self.pictures[id].path)).whole is None
        ]  # fmt: skip
        return self.edit_each({id: partial(_unless_there, text=texts[id]) for id in without}, words)

    # What belongs to the dataset

    def set_sources(self, dataset: Dataset) -> None:
        """Be the same dataset with other folders, and look at them."""
        with self.lock:
            self.dataset = dataset
            self._backups = Backups(dataset.folder, dataset.sources)
            self.look()


    def set_shots(self, shots: Sequence[Shot]) -> None:
        """Have other kinds of pictures. Raises UserError for names that cannot be."""
        with self.lock:
            self.dataset = with_shots(self.dataset, shots)
            self.revision += 1

    def set_box_kinds(self, kinds: Sequence[BoxKind]) -> None:
        """Have other kinds of boxes. Raises UserError for names that cannot be."""
        with self.lock:
            self.dataset = with_box_kinds(self.dataset, kinds)
            self.revision += 1


def _unless_there(shown: str, text: str) -> str:
    return shown or text


def changed_outside(path: Path) -> Problem:
    """The problem that a caption says something else than what a person has edited."""
    return problem(
        "studio_changed_outside",
        "{file} was changed by another program meanwhile. Nothing was written over it: look at it, and edit it again.",
        file=path.name,
    )


def _pictures(paths: Sequence[Path], heads: Mapping[Path, ImageHeader]) -> dict[int, Picture]:
    found: dict[int, Picture] = {}
    for path in paths:
        try:
            state = path.stat()
        except OSError:  # it was there a moment ago
            continue
        id = _id_of(path)
        while id in found:
            id += 1
        found[id] = Picture(id, path, heads[path], f"{state.st_mtime_ns:x}-{state.st_size:x}", state.st_mtime)
    return found


@lru_cache(maxsize=256)
def _below(folder: Path, sources: tuple[Path, ...]) -> str:
    """A folder's place below that of the dataset, "" for that itself; of several, with their names."""
    source = next((one for one in sources if folder.is_relative_to(one)), folder)
    place = folder.relative_to(source).as_posix()
    inside = "" if place == "." else place
    return inside if len(sources) == 1 else f"{source.name}/{inside}".removesuffix("/")


def _id_of(path: Path) -> int:
    """A whole number of 48 bits, which JavaScript can hold."""
    said = str(path).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=6).digest(), "big")


def _digests(paths: Mapping[int, Path]) -> dict[int, str]:
    """The digests of files by their ids; one that is gone is left out."""
    try:
        found = content_hashes(list(paths.values()))
    except UserError:
        found = {}
        for path in paths.values():
            try:
                found |= content_hashes([path])
            except UserError:  # it cannot be read; nothing can be decided about it
                continue
    return {id: found[path] for id, path in paths.items() if path in found}


def _with_caption(facts: Facts, text: captions.CaptionText) -> Facts:
    shown = text.shown
    tags = frozenset(sys.intern(tag.lower()) for tag in captions.all_tags(shown))
    return replace(facts, caption=shown, tags=tags, captioned=bool(re.search(r"\S", shown)))
