"""The images of a run: where each one is, its caption, how it is cut to size, how often it is seen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from train_core.config.data import DataSettings
from train_core.config.problems import Problem, UserError, raise_if_any
from train_core.facts.buckets import BucketFit, Size, assign, bucket_problems, bucket_rules
from train_core.facts.captions import read_caption
from train_core.facts.folders import ImageFile, ImageFolder, scan


@dataclass(frozen=True)
class Entry:
    """One image. `size` is (width, height) after EXIF rotation; `caption` is its file's, else the class tokens.

    `settings` say how captions and pixels vary from draw to draw.
    """

    path: Path
    caption: str
    folder: Path
    repeats: int
    size: Size
    fit: BucketFit
    settings: DataSettings


@dataclass(frozen=True)
class Library:
    """All images, sorted by folder and name. A *sample* is one repeat of one image; its index stays for the run."""

    entries: tuple[Entry, ...]

    @cached_property
    def samples(self) -> tuple[int, ...]:
        """The entry index of each sample."""
        return tuple(index for index, entry in enumerate(self.entries) for _ in range(entry.repeats))

    @cached_property
    def buckets(self) -> tuple[Size, ...]:
        """The bucket of each sample."""
        return tuple(self.entries[entry].fit.bucket for entry in self.samples)


def open_library(settings: DataSettings) -> Library:
    """The images that `settings` name, with captions read. Raises UserError with everything that is wrong."""
    dataset = settings.dataset
    rules = bucket_rules(dataset)
    raise_if_any(bucket_problems(rules))
    problems: list[Problem] = []
    entries = []
    for folder in scan(Path(dataset.train_data_dir), settings.captions.caption_extension):
        for image in folder.images:
            try:
                caption = _caption(image, folder)
            except UserError as error:
                problems += error.problems
                continue
            fit = assign(image.size, rules)
            entries.append(Entry(image.path, caption, folder.path, folder.repeats, image.size, fit, settings))
    raise_if_any(problems)
    return Library(tuple(entries))


def _caption(image: ImageFile, folder: ImageFolder) -> str:
    return read_caption(image.caption_path) if image.caption_path else folder.class_tokens
