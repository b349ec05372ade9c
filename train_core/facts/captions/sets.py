"""The captions of a run as they are checked: each with its image, grouped by folder, read again only when changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from train_core.config.problems import UserError
from train_core.facts.datasets.folders import ImageFile
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.caption_draws import CaptionRules, caption_rules, whole_caption
from train_core.facts.images.caption_files import read_caption

ENDINGS = (".txt", ".caption")


@dataclass(frozen=True)
class Captioned:
    """An image and its caption; `file` holds it. `text` has several lines where the file has, and is None for an image
    without a caption of its own."""

    image: Path
    text: str | None
    file: Path | None = None

    @property
    def path(self) -> Path:
        """The file that people would edit."""
        return self.file or self.image


@dataclass(frozen=True)
class CaptionSet:
    """Captions that are drawn by the same rules. `flipped` says that their images are mirrored half of the time.

    `in_form` says that the form's own settings hold for them, not those of a dataset file.
    """

    folder: Path
    rules: CaptionRules
    captions: tuple[Captioned, ...]
    flipped: bool = False
    in_form: bool = True
    is_reg: bool = False


def caption_sets(subsets: Iterable[Subset], in_form: bool = True) -> tuple[CaptionSet, ...]:
    """The captions of `subsets`; files that cannot be read are left out, since checks report them.

    `in_form` is False where a dataset file describes them.
    """
    return tuple(
        CaptionSet(
            one.folder.path, caption_rules(one.settings.captions),
            tuple(found for image in one.folder.images if (found := _captioned(image)) is not None),
            one.settings.augmentation.flip_aug, in_form, one.is_reg,
        )
        for one in subsets
    )  # fmt: skip


def trained_captions(subsets: Sequence[Subset]) -> Iterator[str]:
    """Every caption that is trained, as a draw has it that leaves nothing out; of regularisation images none."""
    for subset, one in zip(subsets, caption_sets(subsets), strict=True):
        for found in one.captions if not one.is_reg else ():
            text = subset.folder.class_tokens if found.text is None else found.text
            for line in text.split("\n") if one.rules.wildcards else [text]:
                yield whole_caption(line, one.rules)


def _captioned(image: ImageFile) -> Captioned | None:
    if image.caption is not None or image.caption_path is None:
        return Captioned(image.path, image.caption)
    try:
        status = image.caption_path.stat()
    except OSError:
        return None
    text = _read(image.caption_path, status.st_mtime_ns, status.st_size)
    return None if text is None else Captioned(image.path, text, image.caption_path)


@lru_cache(maxsize=32_768)
def _read(path: Path, changed: int, size: int) -> str | None:
    try:
        return read_caption(path)
    except UserError:
        return None
