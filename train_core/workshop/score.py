"""Measure the files of a training at several weights: the base is loaded once, and what it answers is measured once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from train_core.config.existing import is_dir
from train_core.config.jobs.scoring import Score, ScoreSettings
from train_core.config.problems import UserError, problem
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.data.heldout import measured_folder
from train_core.diffusion.processes import process_of
from train_core.facts.file_cache import shared_database
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.prompts.network_tags import NetworkTag
from train_core.facts.run.result_names import epoch_in
from train_core.facts.scores.asked import MOST_PROMPTS, Asked, asked_of, picture_settings, without_words
from train_core.facts.scores.measures import measures_of
from train_core.facts.scores.scores import (
    FIDELITY,
    FILE,
    FOREIGN,
    GAP,
    HELD_OUT,
    MEMORISED,
    PROMPTS,
    SPILL,
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
)  # fmt: skip
from train_core.facts.scores.verdict import Verdict, verdict_of
from train_core.facts.scores.words import in_words, named
from train_core.models.family import Family
from train_core.models.files.writing import telling
from train_core.models.fitting import choose_attention
from train_core.models.load import load_family
from train_core.networks.files.hashes import remembered_hashes
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import LEVELS
from train_core.sampling.draw import PictureDrawer, undisturbed
from train_core.sampling.networks import Networks
from train_core.scoring.foreign import draw_foreign, foreign_folder
from train_core.scoring.measuring import Measurer, PictureSet, opened
from train_core.scoring.prompting import Pull
from train_core.workshop.common.computing import device_and_dtype
from train_core.workshop.common.report import Report

SHOWN = (FIDELITY, TRAINED_GAIN, GAP, SPILL, TRIGGER, MEMORISED)


@dataclass(frozen=True)
class Studio:
    """The loaded base with what measuring needs."""

    family: Family
    inputs: ModelInputs
    device: torch.device
    dtype: torch.dtype
    model: str  # the hash of its content


def run(config: Score, report: Report) -> None:
    """Measure the base, then each file at each weight, with the same noise; write scores.json and show a table."""
    settings = config.score
    asked, base = asked_of(settings), base_files(settings.score_model, settings.score_vae, to_train=False)
    report.stage("loading")
    studio = _loaded(settings, base)
    with undisturbed(studio.family, studio.device):
        sets = _sets(settings, asked, studio, report)
        scores = _scored(settings, asked, studio, sets, report)
    with telling(Path(settings.score_to) / FILE):
        report.saved(write_scores(scores, Path(settings.score_to)))
    report.table("scores", ("file", "weight", *SHOWN), [_row(point) for point in (scores.base, *scores.points)])
    _tell(verdict_of(scores), report)


def _tell(verdict: Verdict, report: Report) -> None:
    """The verdict, its reasons, and what to change."""
    for said in (verdict.sentence, *verdict.reasons, *verdict.advice):
        report.notice(said)
    if verdict.pictures:
        report.table("verdict", ("fact", "value"), [
            ("chosen", named(verdict.chosen) if verdict.chosen else ""),
            ("differs_most", ", ".join(verdict.pictures)),
        ])


def _loaded(settings: ScoreSettings, base: BaseFiles) -> Studio:
    refused = problem("score_fp16_on_cpu", "score_precision = fp16 does not work on a processor. Set it to auto.")
    device, dtype = device_and_dtype(settings.score_precision, settings.score_on_cpu, refused)
    model = ModelSettings(
        pretrained_model_name_or_path=settings.score_model, vae=settings.score_vae, clip_skip=settings.score_clip_skip
    )
    family = load_family(model, dtype, device, files=base)
    choose_attention(family, MemorySettings(), dtype, device)
    process = process_of(family, LossSettings()).to(device)
    if device.type == "cpu":  # a quarter faster there
        family.modules[family.denoiser].to(memory_format=torch.channels_last)
    return Studio(family, ModelInputs(family, process, dtype), device, dtype, _hashes(base))


def _hashes(base: BaseFiles) -> str:
    """What the base is, with its VAE: hashes of the files, or the path of a folder, which has none."""
    paths = [path for path in (base.model.path, base.vae_path) if path is not None]
    return " ".join(str(path) if is_dir(path) else _sha256(path) for path in paths)


def _sha256(path: Path) -> str:
    return remembered_hashes(path, shared_database()).sha256


def _sets(settings: ScoreSettings, asked: Asked, studio: Studio, report: Report) -> dict[str, PictureSet]:
    """The pictures to measure with, encoded; those that the base draws are drawn first, unless they are there."""
    foreign = foreign_folder(Path(settings.score_to), asked.foreign, studio.model, settings.score_clip_skip)
    drawer = PictureDrawer(
        family=studio.family, process=process_of(studio.family, LossSettings()), device=studio.device
    )
    draw_foreign(foreign, asked.foreign, drawer, report.warning, report.stage("drawing"))
    folders = {HELD_OUT: (settings.score_held_out, 0), TRAINED: (settings.score_trained, settings.score_trained_most)}
    folders[FOREIGN] = (str(foreign), 0)
    progress = report.stage("caching")
    sets = {}
    for name, (folder, most) in folders.items():
        if folder:
            library = measured_folder(picture_settings(settings), folder, most, settings.score_seed)
            sets[name] = opened(
                library, studio.family, studio.device, settings.score_batch_size, settings.score_seed, progress
            )
    untriggered = sets[HELD_OUT].reworded(partial(without_words, words=asked.trigger))
    return sets | ({UNTRIGGERED: untriggered} if asked.trigger and untriggered.pictures else {})


def _scored(
    settings: ScoreSettings, asked: Asked, studio: Studio, sets: dict[str, PictureSet], report: Report
) -> Scores:
    """The base and every point, in their order."""
    measurer = Measurer(studio.inputs, settings.score_seed)
    pull, prompts = Pull(studio.inputs, asked.foreign[0], settings.score_seed), _prompts(sets)
    pictures = {**{name: one.pictures for name, one in sets.items()}, PROMPTS: prompts}
    sizes = {name: len(some) for name, some in pictures.items()}
    once = sizes[PROMPTS] + 1 + sizes.get(UNTRIGGERED, 0)
    every = sum(sizes.values()) - once + 1
    counter = _Counter(report, LEVELS * (asked.points * every + (len(asked.files) + 1) * once))

    def losses(file: str, with_words: bool, words: Callable[[str], str] = str) -> dict[str, Losses]:
        found = {
            name: measurer.losses(one, counter) for name, one in sets.items() if with_words or name != UNTRIGGERED
        }
        if with_words:
            found[PROMPTS] = pull.norms([words(one.caption) for one in prompts], studio.device, counter)
        _require_numbers(file, found)
        return found

    base = losses(settings.score_model, True, partial(without_words, words=asked.trigger))
    points = []
    for path in asked.files:
        networks = Networks(studio.family, studio.device, studio.dtype)  # another file's are not kept
        for weight in asked.weights:
            tag = NetworkTag("lora", path.stem, "", weight, weight)
            with networks.on_model([(tag, path)]):
                now = losses(path.name, with_words=weight == asked.weights[-1])  # what words do is the file's own
            points.append(
                Point(
                    file=path.name, weight=weight, losses=now,
                    measures=measures_of(base, now, pictures, settings.score_seed),
                )
            )
    return Scores(
        made_with=_made_with(settings, studio), pictures=pictures, points=tuple(points),
        files=tuple(
            ScoredFile(name=path.name, sha256=_sha256(path), epoch=epoch_in(path.stem)) for path in asked.files
        ),
        base=Point(
            file="", weight=0.0, losses=base, measures=measures_of(base, base, pictures, settings.score_seed)
        ),
    )  # fmt: skip


def _prompts(sets: Mapping[str, PictureSet]) -> tuple[ScoredPicture, ...]:
    """Captions that may have been learnt by heart: some of those that were trained, if they are known."""
    captions = dict.fromkeys(picture.caption for picture in sets.get(TRAINED, sets[HELD_OUT]).pictures)
    return tuple(
        ScoredPicture(name=f"prompt {number}", content="", caption=caption)
        for number, caption in enumerate([*captions][:MOST_PROMPTS], 1)
    )


def _made_with(settings: ScoreSettings, studio: Studio) -> dict[str, str | int | float]:
    return {
        "model": Path(settings.score_model).name, "vae": Path(settings.score_vae).name, "sha256": studio.model,
        "clip_skip": settings.score_clip_skip, "resolution": settings.score_resolution, "seed": settings.score_seed,
        "levels": LEVELS, "precision": str(studio.dtype).removeprefix("torch."), "device": studio.device.type,
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


def _row(point: Point) -> list[str | float]:
    return [point.file, point.weight, *(in_words(point.measures.get(name)) for name in SHOWN)]
