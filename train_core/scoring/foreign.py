"""Pictures that have nothing to do with the training: the base draws them, once for all scorings into a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from train_core.config.existing import is_dir
from train_core.config.problems import Problem, UserError, problem
from train_core.config.whole_files import write_whole
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.models.files.writing import telling
from train_core.sampling.draw import PictureDrawer

FORMAT = 1  # counts up when the same prompts give other pictures
FOLDER = "foreign"
NAME_DIGITS = 12


def foreign_folder(within: Path, prompts: Sequence[SamplePrompt], model: str, clip_skip: int) -> Path:
    """The folder for the pictures of `prompts` by the base `model` (a hash): another one for whatever changes them."""
    made_from = [FORMAT, model, clip_skip, [asdict(prompt) for prompt in prompts]]
    digest = hashlib.blake2b(json.dumps(made_from).encode(), digest_size=20).hexdigest()
    return within / FOLDER / f"pictures {digest[:NAME_DIGITS]}"


def draw_foreign(
    folder: Path, prompts: Sequence[SamplePrompt], drawer: PictureDrawer, warn: Callable[[Problem], None],
    progress: Callable[[int, int], None],
) -> None:  # fmt: skip
    """Draw `prompts` into `folder`, with captions beside the pictures, unless that was done; all of them or none.

    Raises UserError where nothing can be written, or where no picture came out.
    """
    if is_dir(folder):
        return
    with telling(folder), write_whole(folder) as temporary:
        temporary.mkdir()
        drawn = 0
        for picture in drawer.pictures(prompts, 0, warn):
            name = temporary / f"{picture.index:03d}.png"
            picture.image.save(name)
            name.with_suffix(".txt").write_text(picture.prompt.prompt, encoding="utf-8")
            drawn += 1
            progress(picture.index + 1, len(prompts))
        if not drawn:
            raise UserError(
                problem(
                    "score_nothing_drawn",
                    "The base drew none of the foreign prompts without invalid values (NaN). Set score_precision to "
                    "float.",
                )
            )
