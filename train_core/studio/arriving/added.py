"""Pictures that come into a dataset as new files: in a folder below the home, with their prompts as captions."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from train_core.config.existing import exists
from train_core.config.places import home
from train_core.config.whole_files import write_text, write_whole
from train_core.facts.images.prompts_in_pictures import prompt_of
from train_core.studio.dataset import Dataset, not_written, with_source
from train_core.studio.opened import Outcome
from train_core.studio.studio import Studio

GENERATED = "generated"  # the folder of samples


def place_of(dataset: Dataset) -> Path:
    """Where new pictures of a dataset go."""
    return home() / "data" / f"added-{dataset.id}"


def take_added(studio: Studio) -> Outcome:
    """Have what has arrived in the dataset, with the prompts in the pictures as captions where they have none.

    Raises UserError where that cannot be written.
    """
    place = place_of(studio.dataset)
    if place.is_dir():
        with studio.lock:  # the description is written as a whole
            studio.set_sources(with_place(studio.dataset))
    else:
        studio.look()
    prompts = {
        id: prompt for id, picture in studio.pictures.items()
        if picture.header.generated and picture.path.is_relative_to(place) and not studio.facts[id].captioned
        and (prompt := prompt_of(picture.path))
    }  # fmt: skip
    return studio.fill(prompts, {"do": "prompts"})


def with_place(dataset: Dataset) -> Dataset:
    """The dataset with the folder of its new pictures, which is there, among its folders. Raises UserError."""
    place = place_of(dataset)
    there = any(place.is_relative_to(source) for source in dataset.sources)
    return dataset if there else with_source(dataset, place)


def add_sample(dataset: Dataset, sample: Path) -> Path:
    """Copy a generated picture, with its prompt as caption, to where those of the dataset are; the copy.

    Raises UserError where that cannot be written.
    """
    folder = place_of(dataset) / GENERATED
    path = _free(folder, f"{datetime.now():%Y-%m-%d %H%M%S}", sample.suffix.lower())
    try:
        with write_whole(path) as temporary:
            shutil.copyfile(sample, temporary)
        if prompt := prompt_of(path):
            write_text(path.with_suffix(".txt"), prompt)
    except OSError as error:
        raise not_written(folder, error) from error
    return path


def _free(folder: Path, stem: str, ending: str) -> Path:
    number, name = 1, stem
    while exists(folder / f"{name}{ending}") or exists(folder / f"{name}.txt"):
        number += 1
        name = f"{stem} {number}"
    return folder / f"{name}{ending}"
