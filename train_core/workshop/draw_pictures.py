"""Pictures of prompts with finished files: the base model is loaded once, and each prompt has its own networks."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from train_core.config.jobs.drawing import DrawPictures
from train_core.events.kinds import SampleDrawn
from train_core.facts.drawing import prompts_of
from train_core.facts.models.model_files import base_files
from train_core.facts.prompts.network_files import NamedFiles
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.stages import changing
from train_core.facts.prompts.to_draw import with_files
from train_core.facts.prompts.wildcards import Wildcards
from train_core.models.files.writing import telling
from train_core.sampling.png import save_png
from train_core.workshop.common.drawing import Drawing, computing_of
from train_core.workshop.common.report import Report

SEEDS = 2**32
MOST_ROWS = 100  # of the table


def run(config: DrawPictures, report: Report) -> None:
    """Draw all prompts, each as often as asked, and write every picture as soon as it is drawn."""
    settings = config.draw_pictures
    base = base_files(settings.draw_model, settings.draw_vae, to_train=False)
    count = config.drawn.draw_count
    seeded = [one for prompt in prompts_of(settings, base) for one in _seeded(prompt, count)]
    files, wildcards = NamedFiles.within(settings.draw_folders), Wildcards.within(settings.draw_wildcards)
    wanted = with_files(seeded, files, base.model.family, wildcards)
    device, dtype = computing_of(settings)
    _tell_changes([one.prompt for one in wanted[::count]], report)
    report.stage("loading")
    drawing = Drawing(settings, base, device, dtype)
    progress = report.stage("drawing")
    for place, one in enumerate(wanted):
        progress(place, len(wanted))
        for picture, text in drawing.pictures(one, report):
            path = _free_path(Path(config.drawn.draw_to), picture.seed)
            with telling(path):
                save_png(picture.image, path, text)
            report.emit(
                SampleDrawn(
                    path=str(path), prompt=one.prompt.prompt, index=place, step=0, epoch=None, seed=picture.seed
                )
            )
    progress(len(wanted), len(wanted))


def _tell_changes(prompts: Sequence[SamplePrompt], report: Report) -> None:
    """Report what is asked in which steps, for prompts that change meanwhile or join several texts."""
    found = islice(changing(prompts), MOST_ROWS)
    rows = [(number, one.steps, one.texts, one.negative) for number, one in found]
    if rows:
        report.table("asked", ("prompt", "steps", "asked", "negative"), rows)


def _seeded(prompt: SamplePrompt, count: int) -> list[SamplePrompt]:
    """The same prompt `count` times, each with a seed of its own."""
    first = random.randrange(SEEDS) if prompt.seed is None else prompt.seed
    return [replace(prompt, seed=first + number) for number in range(count)]


def _free_path(folder: Path, seed: int) -> Path:
    """A name in `folder` that follows all that are there, as A1111 numbers pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [int(found[1]) for path in folder.iterdir() if (found := re.match(r"(\d{5,9})-", path.name))]
    return folder / f"{max(numbers, default=-1) + 1:05d}-{seed}.png"
