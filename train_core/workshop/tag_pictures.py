"""Captions of tags by a WD tagger for all pictures of a folder, written so that the Data tab can undo them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from train_core.config.jobs.tools import TagPictures, TagPicturesSettings
from train_core.config.problems import UserError, problem
from train_core.studio.captions import tags_of
from train_core.studio.dataset import dataset_of
from train_core.studio.decisions import REJECT
from train_core.studio.looking import no_pictures
from train_core.studio.studio import Studio
from train_core.studio.tagging.choosing import Choice, categories_of, chosen, combined, excluded_by
from train_core.studio.tagging.scores import KeptScores, Scores, scores_of
from train_core.studio.tagging.wd_files import Tagger, read_tagger
from train_core.studio.tagging.wd_model import Floats, WdModel, pixels
from train_core.workshop.common.report import Report

PORTION = 32  # pictures whose captions are one entry of the journal
MOST_ROWS = 50  # of the table


def run(config: TagPictures, report: Report) -> None:
    """Tag what is to be tagged, portion by portion, so that a stopped tool goes on where it was."""
    settings = config.tag_pictures
    tagger = read_tagger(Path(settings.tagger))
    studio = Studio(dataset_of(Path(settings.pictures)))
    if not studio.pictures:
        raise no_pictures(settings.pictures)
    if studio.unreadable:
        report.warning(
            problem(
                "studio_unreadable", "Files that cannot be read as pictures: {count}. They are left out.",
                count=studio.unreadable,
            )
        )  # fmt: skip
    looking = Looking(studio, tagger, report)
    words = {"do": "tagger", "tagger": tagger.name, "group": uuid.uuid4().hex}
    wanted = _wanted(studio, settings)
    counts: Counter[str] = Counter()
    progress = report.stage("tagging")
    for start in range(0, len(wanted), PORTION):
        portion = wanted[start : start + PORTION]
        for done in range(0, len(portion), settings.tagger_batch_size):
            looking.look(portion[done : done + settings.tagger_batch_size])
            progress(start + done, len(wanted))
        tags = _tags(looking.scores(portion), tagger, settings)
        _write(studio, tags, settings, words, report)
        counts.update(tag for its in tags.values() for tag in its)
    progress(len(wanted), len(wanted))
    report.table("tags", ("tag", "pictures"), counts.most_common(MOST_ROWS))


def _wanted(studio: Studio, settings: TagPicturesSettings) -> list[int]:
    """The pictures to tag, in the order of the Data tab."""
    kept = settings.existing_captions == "keep"
    return [
        id for id, facts in studio.facts.items() if facts.mark != REJECT and not (kept and facts.captioned)
    ]


class Looking:
    """Looks at pictures with a tagger, which is loaded for the first one that it has not seen yet."""

    def __init__(self, studio: Studio, tagger: Tagger, report: Report) -> None:
        self._studio = studio
        self._tagger = tagger
        self._report = report
        self._kept = KeptScores(studio.dataset.folder, tagger)
        self._model: WdModel | None = None

    def scores(self, ids: Sequence[int]) -> dict[int, Scores]:
        """The scores of the pictures that were looked at."""
        digests = self._studio.identify(ids)
        return {id: self._kept.known[digest] for id, digest in digests.items() if digest in self._kept.known}

    def look(self, ids: Sequence[int]) -> None:
        """Calculate the scores of pictures that have none, at once, and keep them; tells which cannot be read."""
        digests = self._studio.identify(ids)
        unseen = {digest: id for id, digest in digests.items() if digest not in self._kept.known}
        if not unseen:
            return
        if self._model is None:
            self._model = WdModel(self._tagger)
        readable: dict[str, Floats] = {}
        for digest, id in unseen.items():
            try:
                readable[digest] = pixels(self._studio.pictures[id].path, self._model.side)
            except UserError as error:
                for found in error.problems:
                    self._report.warning(found)
        if readable:
            outputs = self._model.scores(np.stack(list(readable.values())), len(readable))
            self._kept.add({
                digest: scores_of(self._tagger, row.tolist()) for digest, row in zip(readable, outputs, strict=True)
            })


def _tags(scores: Mapping[int, Scores], tagger: Tagger, settings: TagPicturesSettings) -> dict[int, list[str]]:
    categories = categories_of(tagger)
    choice = Choice(
        general=settings.general_threshold, character=settings.character_threshold, mcut=settings.tagger_mcut,
        characters=settings.character_tags, rating=settings.rating_tag, excluded=excluded_by(settings.excluded_tags),
        spaces=settings.tag_spaces, escaped=settings.escape_brackets,
    )  # fmt: skip
    return {id: chosen(its, categories, choice) for id, its in scores.items()}


def _write(
    studio: Studio, tags: Mapping[int, list[str]], settings: TagPicturesSettings, words: Mapping[str, Any],
    report: Report,
) -> None:
    """Write the captions of a portion, and tell which ones stay as they are because they cannot be changed."""
    trigger = tags_of(settings.tag_trigger)
    edits = {
        id: partial(combined, tags=its, existing=settings.existing_captions, trigger=trigger)
        for id, its in tags.items()
    }
    for found in studio.edit_each(edits, words).left:
        report.warning(found)
