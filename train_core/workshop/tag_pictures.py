"""Captions of tags by a WD tagger or DeepDanbooru for all pictures of a folder; the Data tab can undo them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from train_core.config.jobs.pictures import TagPictures, TagPicturesSettings
from train_core.studio.captions import tags_of
from train_core.studio.tagging.choosing import Choice, categories_of, chosen, combined, excluded_by
from train_core.studio.tagging.deepdanbooru_file import FILE as DEEPDANBOORU
from train_core.studio.tagging.deepdanbooru_file import read_deepdanbooru
from train_core.studio.tagging.scores import KeptScores, Scores, scores_of
from train_core.studio.tagging.wd_files import Tagger, read_tagger
from train_core.studio.tagging.wd_model import Floats, WdModel, pixels
from train_core.workshop.common.describing import Looking, Model, described, opened, step_words, wanted, write
from train_core.workshop.common.report import Report

MOST_ROWS = 50  # of the table


def run(config: TagPictures, report: Report) -> None:
    """Tag what is to be tagged."""
    settings = config.tag_pictures
    folder = Path(settings.tagger)
    tagger = read_deepdanbooru(folder) or read_tagger(folder)
    load = loaded_deepdanbooru if tagger.model.name == DEEPDANBOORU else LoadedTagger
    studio = opened(settings.pictures, report)
    looking = Looking(studio, KeptScores(studio.dataset.folder, tagger), partial(load, tagger), report)
    ids, words = wanted(studio, settings.existing_captions), step_words("tagger", tagger.name)
    trigger = tags_of(settings.tag_trigger)
    counts: Counter[str] = Counter()
    for scores in described(ids, looking, settings.tagger_batch_size, "tagging", report):
        tags = _tags(scores, tagger, settings)
        edits = {
            id: partial(combined, tags=its, existing=settings.existing_captions, trigger=trigger)
            for id, its in tags.items()
        }
        write(studio, edits, words, report)
        counts.update(tag for its in tags.values() for tag in its)
    report.table("tags", ("tag", "pictures"), counts.most_common(MOST_ROWS))


class LoadedTagger:
    """A tagger that looks at pictures."""

    def __init__(self, tagger: Tagger) -> None:
        self._tagger = tagger
        self._model = WdModel(tagger)

    def prepared(self, path: Path) -> Floats:
        """A picture as the tagger takes it. Raises UserError for what is no picture."""
        return pixels(path, self._model.side)

    def look(self, pictures: Sequence[Floats]) -> list[Scores]:
        """The scores of each picture."""
        outputs = self._model.scores(np.stack(pictures), len(pictures))
        return [scores_of(self._tagger, row.tolist()) for row in outputs]


def loaded_deepdanbooru(tagger: Tagger) -> Model[Scores]:
    """DeepDanbooru, which needs torch. Raises UserError for a file that is none."""
    from train_core.captioning.deepdanbooru import DeepDanbooru  # noqa: PLC0415 - takes long, and WD taggers need none

    return DeepDanbooru(tagger)


def _tags(scores: Mapping[int, Scores], tagger: Tagger, settings: TagPicturesSettings) -> dict[int, list[str]]:
    categories = categories_of(tagger)
    choice = Choice(
        general=tagger.threshold if settings.general_threshold is None else settings.general_threshold,
        character=settings.character_threshold, mcut=settings.tagger_mcut,
        characters=settings.character_tags, rating=settings.rating_tag, excluded=excluded_by(settings.excluded_tags),
        spaces=settings.tag_spaces, escaped=settings.escape_brackets,
    )  # fmt: skip
    return {id: chosen(its, categories, choice) for id, its in scores.items()}
