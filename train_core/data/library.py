"""The images of a run: where each one is, its caption, how it is cut to size, how often it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from train_core.config.image_settings import DataSettings
from train_core.config.problems import Problem, UserError, raise_if_any
from train_core.facts.datasets.folders import ImageFile, ImageFolder
from train_core.facts.datasets.regularisation import Registered
from train_core.facts.datasets.subsets import Subset, survey
from train_core.facts.images.buckets import BucketFit, Group, Size, assign, bucket_rules
from train_core.facts.images.caption_files import read_caption


@dataclass(frozen=True)
class Entry:
    """One image. `size` is (width, height) after EXIF rotation; `caption` is its file's, else the class tokens.

    `folder` is its folder, or the metadata file that lists it; of the caption `tags` is what counts as tags. `settings`
    say how captions and pixels vary from draw to draw. `batch_size` is its dataset's own, 0 where the run's holds.
    """

    path: Path
    caption: str
    folder: Path
    repeats: int
    size: Size
    fit: BucketFit
    settings: DataSettings
    tags: str = ""
    is_reg: bool = False
    dataset: int = 0
    batch_size: int = 0

    @property
    def group(self) -> Group:
        """Batch group: the properties that images of one batch share."""
        return Group(self.fit.bucket, self.batch_size)

    @property
    def registered(self) -> Registered:
        """The image as steps are counted."""
        return Registered(self.repeats, self.is_reg, self.dataset)


@dataclass(frozen=True)
class Library:
    """All images, sorted by folder and name. A *sample* is one repeat of one image; its index stays for the run.

    `subsets` are what the images come from, with regularisation images that no epoch sees; `held_out` says on how many
    other images the run is validated.
    """

    entries: tuple[Entry, ...]
    subsets: tuple[Subset, ...] = ()
    held_out: int = 0

    @cached_property
    def samples(self) -> tuple[int, ...]:
        """The entry index of each sample."""
        return tuple(index for index, entry in enumerate(self.entries) for _ in range(entry.repeats))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The batch group of each sample."""
        return tuple(self.entries[entry].group for entry in self.samples)

    @cached_property
    def regularisation(self) -> frozenset[int]:
        """The samples that are regularisation images."""
        return frozenset(index for index, entry in enumerate(self.samples) if self.entries[entry].is_reg)

    @cached_property
    def preserved(self) -> frozenset[int]:
        """The regularisation samples for which the model should keep its original predictions."""
        return frozenset(
            index for index in self.regularisation
            if self.entries[self.samples[index]].settings.dataset.diff_output_preservation
        )  # fmt: skip


def open_library(settings: DataSettings) -> Library:
    """The images that `settings` describe, with captions read. Raises UserError with everything that is wrong."""
    sources = survey(settings)
    raise_if_any(sources.problems)
    return library_of(sources.subsets)


def library_of(subsets: tuple[Subset, ...]) -> Library:
    """The images of `subsets`, with captions read. Raises UserError with everything that is wrong with those."""
    problems: list[Problem] = []
    entries: list[Entry] = []
    for subset in subsets:
        rules = bucket_rules(subset.settings.dataset)
        for image, repeats in zip(subset.folder.images, subset.repeats, strict=True):
            if not repeats:
                continue
            try:
                caption = caption_of(image, subset.folder)
            except UserError as error:
                problems += error.problems
                continue
            entries.append(
                Entry(
                    image.path, caption, subset.folder.path, repeats, image.size, assign(image.size, rules),
                    subset.settings, caption if image.tags is None else image.tags, subset.is_reg, subset.dataset,
                    subset.batch_size,
                )
            )  # fmt: skip
    raise_if_any(problems)
    return Library(tuple(entries), subsets)


def caption_of(image: ImageFile, folder: ImageFolder) -> str:
    """The caption of one image: from its metadata, its caption file, or the class tokens. Raises UserError."""
    if image.caption is not None:
        return image.caption
    return read_caption(image.caption_path) if image.caption_path else folder.class_tokens
