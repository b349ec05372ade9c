"""Find out which tags a base and adapters know, by pictures whose captions have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from train_core.config.jobs.probing import ProbeTags
from train_core.facts.models.model_files import base_files
from train_core.facts.scores.intervals import Floats
from train_core.facts.scores.probes import (
    FILE,
    Probed,
    answer_in_words,
    as_scoring,
    exchanged,
    judged,
    made_up_words,
    probed_tags,
    share_in_words,
    write_probe,
)
from train_core.models.files.writing import telling
from train_core.sampling.draw import undisturbed
from train_core.scoring.measuring import Conditioned, Measurer, PictureSet
from train_core.workshop.common.report import Report
from train_core.workshop.common.scoring import Studio

COLUMNS = ("tag", "model", "answer", "share", "pictures", "rival")


def run(config: ProbeTags, report: Report) -> None:
    """Ask the base and each adapter about each tag; write probe.json and show a table."""
    settings = config.probe_tags
    tags = probed_tags(settings.probe_tags)
    words = made_up_words(tags, settings.probe_seed)
    base = base_files(settings.probe_model, settings.probe_vae, to_train=False)
    report.stage("loading")
    studio = Studio(as_scoring(settings), base, report)
    found: list[Probed] = []
    with undisturbed(studio.family, studio.device):
        pictures = studio.pictures_in(settings.probe_pictures, 0, report.stage("caching"))
        asked = [(tag, _worded(pictures, tag, words)) for tag in tags]
        models = [None, *map(Path, filter(None, settings.probe_files))]
        counter = report.stage("measuring")
        for path in models:
            with studio.attached(path, settings.probe_weight) as conditioned:
                for place, (tag, captions) in enumerate(asked, len(found)):
                    counter(place, len(models) * len(tags))
                    losses = _losses(Measurer(studio.inputs, settings.probe_seed), conditioned, pictures, captions)
                    found.append(judged(tag, path.name if path else "", losses.pop(tag), losses))
    with telling(Path(settings.probe_to) / FILE):
        report.saved(write_probe(found, words, settings))
    report.table("probed", COLUMNS, [_row(one) for one in found])


def _worded(pictures: PictureSet, tag: str, words: Sequence[str]) -> dict[str, dict[int, str]]:
    """The captions of the pictures that have `tag`, by what stands in its place: itself, nothing, made-up words."""
    captions = {place: picture.caption for place, picture in enumerate(pictures.pictures)}
    return {word: exchanged(captions, tag, word) for word in (tag, "", *words)}


def _losses(
    measurer: Measurer, conditioned: Conditioned, pictures: PictureSet, captions: Mapping[str, Mapping[int, str]]
) -> dict[str, Floats]:
    """How badly each picture that has the tag is predicted (pictures,), by what stands in the tag's place.

    These are means of logarithms, in which each noise level counts alike: where there is little noise words change
    little of a large loss.
    """
    return {
        word: np.log(measurer.losses(pictures.captioned(texts), conditioned, lambda more: None)).mean(axis=-1)
        if texts else np.empty(0)
        for word, texts in captions.items()
    }  # fmt: skip


def _row(found: Probed) -> list[str | int]:
    return [
        found.tag, found.model, answer_in_words(found.answer), share_in_words(found), found.pictures, found.rival,
    ]  # fmt: skip
