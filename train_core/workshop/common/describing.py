"""What tools that caption pictures have in common: looking once at each, and writing by the Data tab's rules."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from train_core.config.problems import UserError
from train_core.studio.dataset import dataset_of
from train_core.studio.decisions import REJECT
from train_core.studio.kept_lines import Kept
from train_core.studio.looking import no_picture_in, no_pictures
from train_core.studio.studio import Studio
from train_core.studio.tagging.choosing import Existing
from train_core.workshop.common.report import Report

PORTION = 32  # pictures whose captions are one entry of the journal
Said = TypeVar("Said")
Told_co = TypeVar("Told_co", covariant=True)
Edits = Mapping[int, Callable[[str], str]]  # of captions, by picture


class Model(Protocol[Told_co]):
    """A loaded model that says something of pictures."""

    def prepared(self, path: Path) -> Any:
        """A picture as `look` takes it. Raises UserError for what is no picture."""

    def look(self, pictures: Sequence[Any]) -> Sequence[Told_co]:
        """What there is to say of each picture."""


def opened(folder: str, report: Report) -> Studio:
    """The dataset of a folder. Raises UserError where there are no pictures."""
    studio = Studio(dataset_of(Path(folder)))
    if not studio.pictures:
        raise no_pictures(folder)
    if studio.unreadable:
        report.warning(no_picture_in(studio.unreadable))
    return studio


def wanted(studio: Studio, existing: Existing) -> list[int]:
    """The pictures to caption, in the order of the Data tab."""
    kept = existing == "keep"
    return [id for id, facts in studio.facts.items() if facts.mark != REJECT and not (kept and facts.captioned)]


class Looking(Generic[Said]):
    """Looks at pictures with a model, which is loaded for the first one that it has not seen yet."""

    def __init__(self, studio: Studio, kept: Kept[Said], load: Callable[[], Model[Said]], report: Report) -> None:
        self._studio = studio
        self._kept = kept
        self._load = load
        self._report = report
        self._model: Model[Said] | None = None

    def said(self, ids: Sequence[int]) -> dict[int, Said]:
        """What was said of the pictures that were looked at."""
        digests = self._studio.identify(ids)
        return {id: self._kept.known[digest] for id, digest in digests.items() if digest in self._kept.known}

    def look(self, ids: Sequence[int]) -> None:
        """Look at pictures that were not seen yet, at once, and keep what is said; tells which cannot be read."""
        digests = self._studio.identify(ids)
        unseen = {digest: id for id, digest in digests.items() if digest not in self._kept.known}
        if not unseen:
            return
        if self._model is None:
            self._model = self._load()
        readable: dict[str, Any] = {}
        for digest, id in unseen.items():
            try:
                readable[digest] = self._model.prepared(self._studio.pictures[id].path)
            except UserError as error:
                for found in error.problems:
                    self._report.warning(found)
        if readable:
            self._kept.add(dict(zip(readable, self._model.look(list(readable.values())), strict=True)))


def described(
    ids: Sequence[int], looking: Looking[Said], at_once: int, stage: str, report: Report
) -> Iterator[dict[int, Said]]:
    """Portion by portion what the model says of pictures, so that a stopped tool goes on where it was."""
    progress = report.stage(stage)
    for start in range(0, len(ids), PORTION):
        portion = ids[start : start + PORTION]
        for done in range(0, len(portion), at_once):
            looking.look(portion[done : done + at_once])
            progress(start + done, len(ids))
        yield looking.said(portion)
    progress(len(ids), len(ids))


def step_words(do: str, model: str) -> dict[str, Any]:
    """How the journal describes what one use of a tool writes, all of which is undone together."""
    return {"do": do, "tagger": model, "group": uuid.uuid4().hex}


def write(studio: Studio, edits: Edits, words: Mapping[str, Any], report: Report) -> None:
    """Write captions, and tell which ones stay as they are because they cannot be changed."""
    for found in studio.edit_each(edits, words).left:
        report.warning(found)
