"""Find out which tags a base and adapters know: by pictures whose captions have them, or by how hard they pull."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from train_core.config.jobs.probing import ProbeSettings, ProbeTags
from train_core.facts.models.model_files import base_files
from train_core.facts.scores.intervals import Floats
from train_core.facts.scores.probes import (
    DRAWN,
    FILE,
    Probed,
    answer_in_words,
    as_scoring,
    context_of,
    exchanged,
    grid_of,
    judged,
    made_up_words,
    probed_tags,
    rival_in_words,
    share_in_words,
    within,
    write_probe,
)
from train_core.models.files.writing import telling
from train_core.sampling.draw import undisturbed
from train_core.scoring.measuring import Conditioned, Measurer, PictureSet
from train_core.scoring.probing import pulls_of
from train_core.workshop import draw_grid
from train_core.workshop.common.report import Report
from train_core.workshop.common.scoring import Studio

COLUMNS = ("tag", "model", "answer", "share", "pictures", "rival")
WITHOUT = "without a tag"  # the folder of pictures that are drawn to measure with


def run(config: ProbeTags, report: Report) -> None:
    """Ask the base and each adapter about each tag; write probe.json, show a table, and draw pictures to look at."""
    settings = config.probe_tags
    tags = probed_tags(settings.probe_tags)
    words = made_up_words(tags, settings.probe_seed)
    found = _answers(settings, tags, words, report)
    with telling(Path(settings.probe_to) / FILE):
        report.saved(write_probe(found, words, settings))
    report.table("probed", COLUMNS, [_row(one, Path(settings.probe_model).name) for one in found])
    if settings.probe_draw:
        draw_grid.run(grid_of(settings), report)


def _answers(settings: ProbeSettings, tags: Sequence[str], words: Sequence[str], report: Report) -> list[Probed]:
    report.stage("loading")
    base = base_files(settings.probe_model, settings.probe_vae, to_train=False)
    studio = Studio(as_scoring(settings), base, report)
    asked = _by_pictures if settings.probe_pictures else _by_pull
    paths, found = [None, *map(Path, filter(None, settings.probe_files))], list[Probed]()
    with undisturbed(studio.family, studio.device):
        for path in paths:
            for one in asked(settings, studio, path, tags, words, report):
                found.append(one)
                report.stage("measuring")(len(found), len(paths) * len(tags))
    return found


def _by_pictures(
    settings: ProbeSettings, studio: Studio, path: Path | None, tags: Sequence[str], words: Sequence[str],
    report: Report,
) -> Iterator[Probed]:  # fmt: skip
    """The answers by pictures that have the tags: how well they are predicted with it, and with others in its place."""
    pictures = studio.pictures_in(settings.probe_pictures, 0, report.stage("caching"))
    captions = {place: picture.caption for place, picture in enumerate(pictures.pictures)}
    with studio.attached(path, settings.probe_weight) as conditioned:
        measurer = Measurer(studio.inputs, settings.probe_seed)
        for tag in tags:
            fits = {}
            for word in (tag, "", *words):
                fits[word] = _fits(measurer, conditioned, pictures, exchanged(captions, tag, word))
                report.heed()
            yield judged(tag, _named(path), fits.pop(tag), fits)


def _fits(
    measurer: Measurer, conditioned: Conditioned, pictures: PictureSet, captions: dict[int, str]
) -> Floats:  # fmt: skip
    """How well each picture that `captions` names is predicted with that caption (pictures,).

    Each noise level counts alike, by the logarithm: where there is little noise, words change little of a large loss.
    """
    if not captions:
        return np.empty(0)
    losses = measurer.losses(pictures.captioned(captions), conditioned, lambda more: None)
    return -np.log(losses).mean(axis=-1)


def _by_pull(
    settings: ProbeSettings, studio: Studio, path: Path | None, tags: Sequence[str], words: Sequence[str],
    report: Report,
) -> Iterator[Probed]:  # fmt: skip
    """The answers by how hard tags pull at pictures that the model draws without any."""
    context = context_of(settings)
    plain = within(context.prompt, "")
    prompts = [replace(context, prompt=plain, seed=settings.probe_seed + number) for number in range(DRAWN)]
    folder = studio.drawn(WITHOUT, prompts, path, settings.probe_weight)
    pictures = studio.pictures_in(folder, 0, report.stage("caching"))
    texts = {word: within(context.prompt, word) for word in (*tags, *words)}
    with studio.attached(path, settings.probe_weight) as conditioned:
        pulls = pulls_of(studio.inputs, conditioned, pictures, plain, texts, settings.probe_seed)
    for tag in tags:
        yield judged(tag, _named(path), pulls[tag], {word: pulls[word] for word in words}, "no_more")


def _named(path: Path | None) -> str:
    return path.name if path else ""


def _row(found: Probed, base: str) -> list[str | int]:
    """A row of the table; the base is called by its file."""
    share, rival = share_in_words(found), rival_in_words(found)
    return [found.tag, found.model or base, answer_in_words(found.answer), share, found.pictures, rival]
