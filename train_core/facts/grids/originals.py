"""Pictures whose captions become prompts of a grid, so that each stands beside what is drawn from its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train_core.config.existing import is_dir, is_file
from train_core.config.jobs.grids import GridSettings
from train_core.config.problems import UserError, problem
from train_core.facts.datasets.layout import folders_in, images_in
from train_core.facts.images.caption_files import read_caption
from train_core.facts.prompts.network_tags import without_networks
from train_core.facts.prompts.parameters import parameters_in, read_parameters
from train_core.facts.prompts.prompt_lines import SamplePrompt

PLACE = "{caption}"  # in a prompt
CAPTIONS = (".txt", ".caption")
COMMAS = re.compile("[,，、]")
STRENGTH = re.compile(r":[\d.]+$")
HEAD_BYTES = 2**20  # of a picture that may carry its prompt


@dataclass(frozen=True)
class Original:
    """A caption on one line, and the picture that has it; None where it was only written down."""

    caption: str
    path: Path | None = None


def originals_of(settings: GridSettings) -> list[Original]:
    """The captions that the settings have, and those of their folder's pictures. Raises UserError as originals_in."""
    written = [Original(" ".join(line.split())) for line in settings.grid_captions if line.strip()]
    folder = settings.grid_originals.strip()
    return [*written, *(originals_in(folder, settings.grid_originals_most) if folder else [])]


def originals_in(folder: str, most: int) -> list[Original]:
    """The first `most` pictures in `folder`, or in the folders in it, that have a caption or carry a prompt.

    Raises UserError if there is no folder, no such picture, or a caption that cannot be read.
    """
    root = Path(folder).expanduser()
    if not is_dir(root):
        raise UserError(
            problem(
                "grid_no_originals_folder", "grid_originals = {folder}: there is no such folder. Choose another one.",
                folder=folder,
            )
        )
    found: list[Original] = []
    for path in (image for place in (root, *folders_in(root)) for image in images_in(place)):
        if len(found) == most:
            break
        caption = _caption_of(path)
        if caption:
            found.append(Original(caption, path))
    if not found:
        raise UserError(
            problem(
                "grid_no_originals",
                "No picture in {folder} has a caption beside it, or carries the prompt that it was drawn from. Choose "
                "another folder, or put a .txt file beside each picture.",
                folder=folder,
            )
        )
    return found


def worded(
    prompts: Sequence[SamplePrompt], originals: Sequence[Original]
) -> tuple[list[SamplePrompt], list[Original | None]]:
    """`prompts`, those with PLACE once for each of `originals` with its caption there; and whose caption each has.

    Raises UserError where the two do not belong together.
    """
    patterns = [PLACE in prompt.prompt for prompt in prompts]
    if any(patterns) and not originals:
        raise UserError(
            problem(
                "grid_caption_of_none",
                "A prompt asks for the captions of pictures ({place}), but grid_originals names no folder of pictures, "
                "and grid_captions has none. Fill in one of them, or take {place} out of the prompt.",
                place=PLACE,
            )
        )
    if originals and not any(patterns):
        raise UserError(
            problem(
                "grid_originals_unused",
                "grid_originals or grid_captions has captions, but no prompt has a place for them. Write {place} in a "
                "prompt, or empty both.",
                place=PLACE,
            )
        )
    pairs = [
        pair for prompt, pattern in zip(prompts, patterns, strict=True)
        for pair in (_filled(prompt, originals) if pattern else [(prompt, None)])
    ]  # fmt: skip
    return [prompt for prompt, _ in pairs], [original for _, original in pairs]


def _filled(prompt: SamplePrompt, originals: Sequence[Original]) -> Iterator[tuple[SamplePrompt, Original | None]]:
    for original in originals:
        yield replace(prompt, prompt=injected(prompt.prompt, original.caption)), original


def injected(pattern: str, caption: str) -> str:
    """`pattern` with the tags of `caption` at PLACE, without those that it has itself or says differently.

    Blue hair is left out where the pattern says brown hair: both end in the same word.
    """
    own = [_plain(tag) for tag in pattern.replace(PLACE, ",").split(",")]
    heads = {tag.rsplit(maxsplit=1)[-1] for tag in own if " " in tag}
    kept = []
    for tag in (one.strip() for one in COMMAS.split(caption)):
        plain = _plain(tag)
        if plain and plain not in own and not (" " in plain and plain.rsplit(maxsplit=1)[-1] in heads):
            kept.append(tag)
    parts = (part.strip() for part in pattern.replace(PLACE, ", ".join(kept)).split(","))
    return ", ".join(part for part in parts if part)


def _plain(tag: str) -> str:
    """A tag without emphasis and underscores, in small letters."""
    return STRENGTH.sub("", without_networks(tag).prompt.strip(" ()[]")).replace("_", " ").lower()


def _caption_of(path: Path) -> str:
    """The caption beside the picture, else the prompt that it carries, on one line; "" without either."""
    beside = next((file for ending in CAPTIONS if is_file(file := path.with_suffix(ending))), None)
    if beside is not None:
        return " ".join(read_caption(beside).split())
    try:
        with path.open("rb") as content:
            head = content.read(HEAD_BYTES)
    except OSError:  # it cannot be shown either; others may
        return ""
    return " ".join(without_networks(read_parameters(parameters_in(head)).prompt).prompt.split())
