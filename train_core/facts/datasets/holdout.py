"""The split of images into trained and held-out ones: by content, so that no copy is on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import Problem, UserError, problem
from train_core.facts.datasets.subsets import Subset, matched, survey
from train_core.facts.images.image_files import content_hashes
from train_core.facts.seeds import seed_for

ONLY_FOLDERS = {
    "reg_data_dir": "", "dataset_config": "", "in_json": "", "class_folders": True, "dataset_repeats": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """One image as the split sees it: `content` is the same for all copies of a picture."""

    content: str
    folder: str
    regularisation: bool = False


def held_out(pictures: Sequence[Picture], share: float, seed: int) -> frozenset[str]:
    """The contents that are held out: `share` of the distinct pictures, at least one, and never the last one.

    Each picture's place in the draw follows from (seed, content) alone, so names, order, repeats and other pictures do
    not matter. Folders give in proportion to their size. Regularisation images, and copies of them, always train.
    Raises UserError where fewer than two distinct pictures could be split.
    """
    kept = {picture.content for picture in pictures if picture.regularisation}
    folders: dict[str, list[str]] = {}
    seen: set[str] = set(kept)
    for picture in sorted(pictures, key=lambda p: (p.folder, p.content)):
        if picture.content not in seen:
            seen.add(picture.content)
            folders.setdefault(picture.folder, []).append(picture.content)
    candidates = sum(len(contents) for contents in folders.values())
    if share <= 0:
        return frozenset()
    if candidates < 2:
        raise UserError(_too_few(candidates))
    order = _spread_over_folders(folders, seed)
    return frozenset(order[: min(max(1, round(share * candidates)), candidates - 1)])


def _spread_over_folders(folders: dict[str, list[str]], seed: int) -> list[str]:
    """All contents in a seeded order; any first part of it has the folders in proportion to their size."""
    ranked = []
    for contents in folders.values():
        drawn = sorted((_ticket(content, seed), content) for content in contents)
        ranked += [((number + 0.5) / len(drawn), *one) for number, one in enumerate(drawn)]
    return [content for _, _, content in sorted(ranked)]


def _ticket(content: str, seed: int) -> int:
    return seed_for(seed, 0, 0, f"validation split {content}")


def _too_few(count: int) -> Problem:
    return problem(
        "validation_too_few_images",
        "validation_split needs at least two different training images, and there are {count}. Set it to 0, or put "
        "other pictures into validation_data_dir.",
        count=count,
    )


def split_subsets(
    subsets: Sequence[Subset], share: float, seed: int
) -> tuple[tuple[Subset, ...], tuple[Subset, ...]]:
    """Split subsets into trained and held-out ones, by `held_out`; for page and job. Raises UserError as that does.

    Regularisation images are matched anew to the training images that are left.
    """
    if share <= 0:
        return tuple(subsets), ()
    contents = content_hashes(images_in(subsets))
    pictures = [
        Picture(contents[image.path], str(subset.folder.path), subset.is_reg)
        for subset in subsets
        for image in subset.folder.images
    ]
    chosen = held_out(pictures, share, seed)
    out = {path for path, content in contents.items() if content in chosen}
    training = (_part(subset, lambda path: path not in out) for subset in subsets)
    held = (_part(subset, lambda path: path in out) for subset in subsets)
    return matched(tuple(one for one in training if one.repeats)), tuple(one for one in held if one.repeats)


def trained_on(config: TrainConfig, subsets: Sequence[Subset]) -> tuple[Subset, ...]:
    """The part of `subsets` that a run trains on; all of them if the requested split is impossible."""
    try:
        return split_subsets(subsets, config.validation.validation_split, validation_seed(config))[0]
    except UserError:  # told by `validation_problems`
        return tuple(subsets)


def validation_seed(config: TrainConfig) -> int:
    """Seed of the choice of held-out images and of the noise they are measured with."""
    seed = config.validation.validation_seed
    return config.training.seed if seed is None else seed


def validation_problems(config: TrainConfig, subsets: Sequence[Subset]) -> tuple[Problem, ...]:
    """Reasons why a run that trains on `subsets` cannot be validated as the settings ask."""
    folder = config.validation.validation_data_dir
    try:
        if not folder:
            split_subsets(subsets, config.validation.validation_split, validation_seed(config))
            return ()
        found = survey(in_folder(DataSettings.of(config), folder))
        if not found.problems:
            refuse_copies(images_in(found.subsets), images_in(subsets))
        return found.problems
    except UserError as error:
        return error.problems


def in_folder(settings: DataSettings, folder: str) -> DataSettings:
    """The same settings for the images in a validation `folder`, which takes over none of the training's sources."""
    return settings.with_values({**ONLY_FOLDERS, "train_data_dir": folder})


def images_in(subsets: Iterable[Subset]) -> list[Path]:
    """The image files of `subsets`."""
    return [image.path for subset in subsets for image in subset.folder.images]


def _part(subset: Subset, wanted: Callable[[Path], bool]) -> Subset:
    """The `wanted` images of `subset`, with the folder's own repeats."""
    images = tuple(image for image in subset.folder.images if wanted(image.path))
    folder = replace(subset.folder, images=images)
    return replace(subset, folder=folder, repeats=(folder.repeats,) * len(images))


def also_in_training(validation: Sequence[Path], training: Collection[Path]) -> list[tuple[Path, Path]]:
    """Pairs of a validation image and a training image that are one picture."""
    contents = content_hashes([*validation, *training])
    trained = {contents[path]: path for path in training}
    return [(path, trained[contents[path]]) for path in validation if contents[path] in trained]


def refuse_copies(validation: Sequence[Path], training: Collection[Path]) -> None:
    """Raise UserError if a picture is in the validation folder and among the training images."""
    pairs = also_in_training(validation, training)
    if pairs:
        raise UserError(
            problem(
                "validation_image_in_training",
                "{count} pictures are both in validation_data_dir and among the training images; for example, "
                "{validation} is the same as {training}. Remove them from one of the two: validating on pictures that "
                "were trained on proves nothing.",
                count=len(pairs), validation=str(pairs[0][0]), training=str(pairs[0][1]),
            )
        )


def per_folder(folders_of_held_out: Iterable[Path]) -> Phrase:
    """Counts of images by folder, in words: `3 of 10_dog, 1 of 5_cat`."""
    counts = Counter(folder.name for folder in folders_of_held_out)
    return joined(
        "comma",
        [phrase("count_of", "{count} of {name}", count=count, name=name) for name, count in sorted(counts.items())],
    )
