"""Measure the files of a training at several weights: the base is loaded once, and what it answers is measured once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from train_core.config.jobs.scoring import Score, ScoreSettings
from train_core.config.problems import UserError, problem
from train_core.facts.models.model_files import base_files
from train_core.facts.run.result_names import epoch_in
from train_core.facts.scores.asked import MOST_CAPTIONS, MOST_PROMPTS, Asked, asked_of, without_words
from train_core.facts.scores.drawn_measures import measures_of_drawn
from train_core.facts.scores.measures import FEW_LEVELS, LEVELS, PULLS, measures_of
from train_core.facts.scores.scores import (
    COPY,
    FIDELITY,
    FILE,
    FOREIGN,
    GAP,
    GENERALISATION,
    HELD_OUT,
    MEMORISED,
    PROMPTS,
    SEMANTICS,
    SPILL,
    SPREAD,
    TRAINED,
    TRAINED_GAIN,
    TRIGGER,
    UNTRIGGERED,
    Losses,
    Point,
    ScoredFile,
    ScoredPicture,
    Scores,
    write_scores,
)
from train_core.facts.scores.tags import Swaps
from train_core.facts.scores.verdict import Verdict, verdict_of
from train_core.facts.scores.words import in_words, named
from train_core.models.files.writing import telling
from train_core.sampling.draw import undisturbed
from train_core.scoring.drawn import Looker, tasks_of
from train_core.scoring.judging import Judge
from train_core.scoring.measuring import Conditioned, Measurer, PictureSet
from train_core.scoring.prompting import Pull
from train_core.workshop.common.report import Report
from train_core.workshop.common.scoring import Studio, sha256

SHOWN = (FIDELITY, TRAINED_GAIN, GAP, SPILL, TRIGGER, MEMORISED)
# What is measured of each file at its highest weight alone: over-fitting and what words do are the file's own.
ONCE = (TRAINED, UNTRIGGERED, PROMPTS)
SHOWN_IF_DRAWN = (COPY, SEMANTICS, GENERALISATION, SPREAD)


def run(config: Score, report: Report) -> None:
    """Measure the base, then each file at each weight, with the same noise; write scores.json and show a table."""
    settings = config.score
    asked, base = asked_of(settings), base_files(settings.score_model, settings.score_vae, to_train=False)
    report.stage("loading")
    studio = Studio(settings, base, report)
    with undisturbed(studio.family, studio.device):
        sets = _sets(asked, studio, report)
        scores = _scored(asked, studio, sets, report)
        if settings.score_draw:
            scores = _with_drawn(scores, asked, studio, sets, report)
    with telling(Path(settings.score_to) / FILE):
        report.saved(write_scores(scores, Path(settings.score_to)))
    shown = (*SHOWN, *SHOWN_IF_DRAWN) if settings.score_draw else SHOWN
    report.table("scores", ("file", "weight", *shown), [_row(point, shown) for point in scores.all_points])
    _tell(verdict_of(scores), report)


def _row(point: Point, shown: Sequence[str]) -> list[str | float]:
    return [*point.key, *(in_words(point.measures.get(name), share=name in SHOWN_IF_DRAWN) for name in shown)]


def _tell(verdict: Verdict, report: Report) -> None:
    """The verdict, its reasons, and what to change."""
    for said in (verdict.sentence, *verdict.reasons, *verdict.advice):
        report.notice(said)
    if verdict.pictures:
        report.table("verdict", ("fact", "value"), [
            ("chosen", named(verdict.chosen) if verdict.chosen else ""),
            ("differs_most", ", ".join(one.name for one in verdict.pictures)),
        ])


def _sets(asked: Asked, studio: Studio, report: Report) -> dict[str, PictureSet]:
    """The pictures to measure with, encoded; those that the base draws are drawn first, unless they are there."""
    settings = studio.settings
    foreign = studio.drawn(FOREIGN, asked.foreign)
    progress = report.stage("caching")
    sets = {HELD_OUT: studio.pictures_in(settings.score_held_out, 0, progress)}
    if settings.score_trained:
        sets[TRAINED] = studio.pictures_in(settings.score_trained, settings.score_trained_most, progress)
    sets[FOREIGN] = studio.pictures_in(foreign, 0, progress, FEW_LEVELS)
    if asked.trigger:
        again = studio.pictures_in(settings.score_held_out, 0, progress, FEW_LEVELS)
        untriggered = again.reworded(partial(without_words, words=asked.trigger))
        if untriggered.pictures:
            sets[UNTRIGGERED] = untriggered
    return sets


def _scored(asked: Asked, studio: Studio, sets: dict[str, PictureSet], report: Report) -> Scores:
    """The base and every point, in their order."""
    seed = studio.settings.score_seed
    measurer = Measurer(studio.inputs, seed)
    pull, prompts = Pull(studio.inputs, asked.foreign[0], seed, studio.batch_size), _prompts(sets)
    pictures = {**{name: one.pictures for name, one in sets.items()}, PROMPTS: prompts}
    calls = {name: len(one.pictures) * len(one.levels) for name, one in sets.items()}
    calls[PROMPTS] = PULLS * (len(prompts) + 1)
    once = sum(calls.get(name, 0) for name in ONCE)
    every = sum(calls.values()) - once
    counter = _Counter(report, asked.points * every + (len(asked.files) + 1) * once)

    def losses(
        file: str, conditioned: Conditioned, with_all: bool, words: Callable[[str], str] = str
    ) -> dict[str, Losses]:
        found = {
            name: measurer.losses(one, conditioned, counter)
            for name, one in sets.items() if with_all or name not in ONCE
        }
        if with_all:
            found[PROMPTS] = pull.norms([words(one.caption) for one in prompts], conditioned, studio.device, counter)
        _require_numbers(file, found)
        return found

    base = losses(studio.settings.score_model, studio.base, True, partial(without_words, words=asked.trigger))
    points = []
    for path in asked.files:
        for weight in asked.weights:
            with studio.attached(path, weight) as conditioned:
                now = losses(path.name, conditioned, with_all=weight == asked.weights[-1])
            measures = measures_of(base, now, pictures, seed, FEW_LEVELS)
            points.append(Point(file=path.name, weight=weight, losses=now, measures=measures))
    return Scores(
        made_with=_made_with(studio), held_out=studio.settings.score_held_out, pictures=pictures, points=tuple(points),
        files=tuple(
            ScoredFile(name=path.name, sha256=sha256(path), epoch=epoch_in(path.stem)) for path in asked.files
        ),
        base=Point(file="", weight=0.0, losses=base, measures=measures_of(base, base, pictures, seed, FEW_LEVELS)),
    )  # fmt: skip


def _with_drawn(
    scores: Scores, asked: Asked, studio: Studio, sets: dict[str, PictureSet], report: Report
) -> Scores:
    """`scores` with what every point draws from the held-out captions, and what that shows."""
    settings, real = studio.settings, [sets[name] for name in (HELD_OUT, TRAINED) if name in sets]
    captions = [picture.caption for pictures in real for picture in pictures.pictures]
    swaps = Swaps.among(captions, asked.trigger, settings.score_seed)
    progress = report.stage("measuring")
    judge = Judge(Measurer(studio.inputs, settings.score_seed), studio.base, lambda more: progress(0, 1))
    trained = studio.pictures_in(settings.score_trained, 0, progress) if settings.score_trained else None
    looker = Looker(
        studio.family, judge, real, trained, swaps, asked.trigger, asked.foreign[0], settings.score_seed
    )
    own = [*dict.fromkeys(picture.caption for picture in sets[HELD_OUT].pictures)][:MOST_CAPTIONS]
    tasks = tasks_of(own, asked.trigger, swaps, looker.known, asked.foreign[0], settings.score_draw)
    held_out = looker.nearest(sets[HELD_OUT])
    paths = {path.name: path for path in asked.files}
    found: list[Point] = []
    for point in scores.all_points:
        folder = studio.drawn("drawn", [task.prompt for task in tasks], paths.get(point.file), point.weight)
        drawn = looker.look(studio.pictures_in(folder, 0, progress), tasks)
        known = any(looker.known.values())
        base = found[0].drawn or drawn if found else drawn
        measures = point.measures | measures_of_drawn(drawn, base, held_out, settings.score_seed, known)
        found.append(point.model_copy(update={"drawn": drawn, "measures": measures}))
    return scores.model_copy(
        update={"base": found[0], "points": tuple(found[1:]), "nearest": held_out, "tags": looker.known}
    )


def _prompts(sets: Mapping[str, PictureSet]) -> tuple[ScoredPicture, ...]:
    """Captions that may have been learnt by heart: some of those that were trained, if they are known."""
    captions = dict.fromkeys(picture.caption for picture in sets.get(TRAINED, sets[HELD_OUT]).pictures)
    return tuple(
        ScoredPicture(name=f"prompt {number}", content="", caption=caption)
        for number, caption in enumerate([*captions][:MOST_PROMPTS], 1)
    )


def _made_with(studio: Studio) -> dict[str, str | int | float]:
    settings: ScoreSettings = studio.settings
    return {
        "model": Path(settings.score_model).name, "vae": Path(settings.score_vae).name, "sha256": studio.model,
        "clip_skip": settings.score_clip_skip, "resolution": settings.score_resolution, "seed": settings.score_seed,
        "levels": LEVELS, "few_levels": ", ".join(map(str, FEW_LEVELS)), "pulls": PULLS,
        "precision": str(studio.dtype).removeprefix("torch."), "device": studio.device.type,
        "trigger": settings.score_trigger, "class": settings.score_class, "steps": settings.score_steps,
        "scale": settings.score_scale,
    }  # fmt: skip


class _Counter:
    """Progress over all that is measured."""

    def __init__(self, report: Report, total: int) -> None:
        self._progress, self._done, self._total = report.stage("measuring"), 0, total

    def __call__(self, more: int) -> None:
        self._done += more
        self._progress(self._done, self._total)


def _require_numbers(file: str, losses: dict[str, Losses]) -> None:
    """Raise UserError where the model predicts what is no number."""
    if not all(math.isfinite(loss) for rows in losses.values() for row in rows for loss in row):
        raise UserError(
            problem(
                "score_not_finite",
                "With {file} the model predicts invalid values (NaN), so it cannot be measured. Set score_precision to "
                "float; if that does not help, leave this file out.",
                file=Path(file).name,
            )
        )
