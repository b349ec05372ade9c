"""What a person can do in an open dataset: mark pictures, draw on them, and write their captions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem, UserError, problem
from train_core.facts.images.encodings import Reading
from train_core.studio import boxes, captions, painting, stored_pixels
from train_core.studio.boxes import Box, Boxed
from train_core.studio.dataset import BoxKind, Shot, with_box_kinds, with_shots
from train_core.studio.decisions import CAPTIONS
from train_core.studio.opened import OpenDataset, Outcome
from train_core.studio.painting import Painted


class Studio(OpenDataset):
    """An open dataset and all that a person can decide in it."""

    # Marks and shots

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
            digests = self.identify(dict.fromkeys(ids))
            gone = [self.pictures[id].path for id in ids if id not in digests and id in self.pictures]
            if gone and not digests:
                raise UserError(_gone(gone))
            before = {digest: self._value(kind, digest) for digest in digests.values()}
            change = {digest: [had, value] for digest, had in before.items() if had != value}
            count = sum(digest in change for digest in digests.values())  # files with one content share what is decided
            words = {"value": value, "pictures": count}
            outcome = self._take({"do": kind, "to": change, "words": words}) if change else Outcome()
            outcome.left += [_gone(gone)] if gone else []
            return outcome

    # Boxes, and what is painted

    def boxes(self, id: int) -> tuple[Box, ...]:
        """The boxes of a picture, in pixels of the upright picture. Raises UserError if it cannot be read any more."""
        said = self._value("boxes", self.identify([id]).get(id, ""))
        if not said:
            return ()
        kept, (size, turn) = boxes.from_text(said), stored_pixels.stored_size(self.pictures[id].path)
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
        size, turn = stored_pixels.stored_size(self.pictures[id].path)
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
        size, turn = stored_pixels.stored_size(path)
        said = text(stored_pixels.pixels_of(path), size, turn)
        with self.lock, self._journal.alone():
            self._catch_up()
            digest = self.identify([id]).get(id, "")
            before = self._value(kind, digest)
            after = said if anything or digest in self._turned else ""  # else that of the file before would return
            if not digest or before == after:
                return Outcome()
            return self._take({"do": kind, "to": {digest: [before, after]}})

    # Captions

    def caption(self, id: int) -> captions.CaptionText:
        """The caption of a picture as it is on disk now."""
        with self.lock:
            text = captions.read(captions.caption_file(self.pictures[id].path))
            self._note(id, text)
            return text

    def write(self, id: int, text: str, seen: str) -> Outcome:
        """Write the caption `text`, which a person made of `seen`. Raises UserError if the file says something else."""
        wanted = captions.without_last_commas(captions.checked(text), seen)
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
        """Write captions that are in other encodings as UTF-8; those whose encoding is doubtful are named, and stay."""
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

    def foreign(self, ids: Iterable[int]) -> dict[int, Reading]:
        """What the captions that are there, and not in UTF-8, seem to say."""
        with self.lock:
            found = {id: captions.read(captions.caption_file(self.pictures[id].path)) for id in ids
                     if id in self.pictures and not self.facts[id].captioned}  # fmt: skip
        read = {id: captions.foreign(text) for id, text in found.items()}
        return {id: one for id, one in read.items() if one is not None}

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

    def fill(self, texts: Mapping[int, str], words: Mapping[str, Any]) -> Outcome:
        """Write captions for those of the pictures that have no caption file, as one step that `words` describe."""
        without = [
            id for id in texts
            if id in self.pictures and captions.read(captions.caption_file(self.pictures[id].path)).whole is None
        ]  # fmt: skip
        return self.edit_each({id: partial(_unless_there, text=texts[id]) for id in without}, words)

    # What belongs to the dataset

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


def _gone(paths: Sequence[Path]) -> Problem:
    return problem(
        "studio_gone_pictures",
        "{picture} cannot be read in {folder} any more (pictures: {count}), so nothing is decided about it. If the "
        "folder was moved, add its new place to this dataset, and all decisions are known again; if it is back, open "
        "it again.",
        picture=paths[0].name, folder=str(paths[0].parent), count=len(paths),
    )


def changed_outside(path: Path) -> Problem:
    """The problem that a caption says something else than what a person has edited."""
    return problem(
        "studio_changed_outside",
        "{file} was changed by another program meanwhile. Nothing was written over it: look at it, and edit it again.",
        file=path.name,
    )
