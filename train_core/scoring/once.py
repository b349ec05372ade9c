"""Pictures to measure with or to look at: drawn once, into a folder for all scorings that ask for the same."""

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
NAME_DIGITS = 12


def folder_for(within: Path, prompts: Sequence[SamplePrompt], made_by: Sequence[str | int | float]) -> Path:
    """The folder in `within` for the pictures of `prompts`; `made_by` is all else that changes them."""
    made_from = [FORMAT, *made_by, [asdict(prompt) for prompt in prompts]]
    digest = hashlib.blake2b(json.dumps(made_from).encode(), digest_size=20).hexdigest()
    return within / f"pictures {digest[:NAME_DIGITS]}"


def draw_once(
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
                    "No picture could be drawn without invalid values (NaN). Set score_precision to float.",
                )
            )
