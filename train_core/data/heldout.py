"""The images that validation measures on: held out of the training images, or from a separate folder."""

from __future__ import annotations

from dataclasses import replace

from train_core.config.image_settings import DataSettings
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.validation import ValidationSettings
from train_core.data.library import Entry, Library, library_of, open_library
from train_core.facts.datasets.holdout import images_in, in_folder, per_folder, refuse_copies, split_subsets
from train_core.facts.datasets.subsets import survey
from train_core.facts.seeds import seed_for

# What makes captions differ from draw to draw; prefixes and the like stay.
CALM_CAPTIONS = {
    "shuffle_caption": False, "caption_dropout_rate": 0.0, "caption_dropout_every_n_epochs": 0,
    "caption_tag_dropout_rate": 0.0, "token_warmup_step": 0.0,
}  # fmt: skip


def open_libraries(
    settings: DataSettings, validation: ValidationSettings, seed: int
) -> tuple[Library, Library | None]:
    """The images to train on and, if `validation` asks for any, those to measure on: no picture is in both.

    What is measured on is seen once, with its whole caption and without augmentation. Raises UserError with everything
    that is wrong with the images.
    """
    sources = survey(settings)
    raise_if_any(sources.problems)
    training, held_out = split_subsets(sources.subsets, validation.validation_split, seed)
    library = library_of(training)
    if validation.validation_data_dir:
        measured = open_library(in_folder(settings, validation.validation_data_dir))
        refuse_copies(images_in(measured.subsets), images_in(library.subsets))
    elif held_out:
        measured = library_of(held_out)
    else:
        return library, None
    measured = capped(Library(tuple(_calm(entry) for entry in measured.entries)), validation.max_validation_steps, seed)
    return replace(library, held_out=len(measured.entries)), measured


def measured_folder(settings: DataSettings, folder: str, at_most: int, seed: int) -> Library:
    """The images in `folder` as they are measured on, at most that many (0: all). Raises UserError as open_library."""
    library = open_library(in_folder(settings, folder))
    return capped(Library(tuple(_calm(entry) for entry in library.entries)), at_most, seed)


def capped(library: Library, at_most: int, seed: int) -> Library:
    """At most that many images (0: all) from all over the library, the same ones for the same seed."""
    if not at_most or at_most >= len(library.entries):
        return library
    drawn = sorted(range(len(library.entries)), key=lambda index: seed_for(seed, 0, index, "validation choice"))
    return Library(tuple(library.entries[index] for index in sorted(drawn[:at_most])))


def measured_on(library: Library) -> Problem:
    """Notice about the images that a run is validated on."""
    return problem(
        "validation_images",
        "{count} images are not trained on, only used for validation: {folders}.",
        count=len(library.entries), folders=per_folder(entry.folder for entry in library.entries),
    )


def _calm(entry: Entry) -> Entry:
    captions = entry.settings.captions.model_copy(update=CALM_CAPTIONS)
    scaled_alike = AugmentationSettings(resize_interpolation=entry.settings.augmentation.resize_interpolation)
    settings = replace(entry.settings, captions=captions, augmentation=scaled_alike)
    return replace(entry, repeats=1, settings=settings, batch_size=0)
