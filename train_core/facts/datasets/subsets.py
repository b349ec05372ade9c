"""The subsets of a run: groups of images with their own settings, whichever way the settings say where images are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from train_core.config.checks.images import bucket_contradictions
from train_core.config.existing import is_dir
from train_core.config.image_settings import DataSettings
from train_core.config.problems import Problem, problem, unique
from train_core.facts.datasets import layout
from train_core.facts.datasets.dataset_files import Description, read_dataset_file
from train_core.facts.datasets.folders import ImageFolder, Survey, look, read_folders
from train_core.facts.datasets.layout import NamedFolder
from train_core.facts.datasets.mask_files import mask_directory
from train_core.facts.datasets.metadata_files import read_metadata
from train_core.facts.datasets.regularisation import Registered, bearing, concept_of, same_pictures, seen
from train_core.facts.images.buckets import Group, assign, bucket_problems, bucket_rules


@dataclass(frozen=True)
class Subset:
    """Images with the settings that apply to them. `repeats` say how often each is seen in an epoch.

    `dataset` numbers from 0 the datasets of a dataset file; regularisation images are matched to the training images of
    their own. `batch_size` is 0 where the run's holds.
    """

    folder: ImageFolder
    settings: DataSettings
    repeats: tuple[int, ...]
    is_reg: bool = False
    dataset: int = 0
    batch_size: int = 0

    @property
    def samples(self) -> int:
        """Number of samples (images times repeats) that an epoch sees of it."""
        return sum(self.repeats)

    @property
    def has_buckets(self) -> bool:
        """Whether its sizes leave a bucket for every image; batches and steps can be counted only then."""
        dataset = self.settings.dataset
        return not bucket_contradictions(dataset) and not bucket_problems(bucket_rules(dataset))

    def groups(self) -> Iterator[Group]:
        """Batch group of each image."""
        rules = bucket_rules(self.settings.dataset)
        for image in self.folder.images:
            yield Group(assign(image.size, rules).bucket, self.batch_size)


@dataclass(frozen=True)
class Sources:
    """All images of a run, what is wrong with them, and what is odd."""

    subsets: tuple[Subset, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def survey(settings: DataSettings) -> Sources:
    """The subsets that `settings` describe, without raising, so that a page can show them beside what is wrong.

    Nothing is found, and nothing is wrong, as long as no source of images is set.
    """
    dataset = settings.dataset
    if dataset.dataset_config.strip():
        found = _from_file(Path(dataset.dataset_config), settings)
    elif dataset.in_json.strip() or dataset.train_data_dir.strip():
        found = _from_settings(settings)
    else:
        return Sources()
    subsets = matched(found.subsets)
    problems = [*found.problems, *_sizes_without_bucket(settings, subsets), *_same_pictures(subsets)]
    warnings = [*found.warnings, *_left_over(found.subsets, subsets), *_named_like_training(subsets)]
    return Sources(subsets, tuple(problems), tuple(warnings))


def protection(subsets: Sequence[Subset]) -> Iterator[Problem]:
    """Notices that say what each folder of regularisation images protects."""
    for subset in subsets:
        if not subset.is_reg:
            continue
        concept = _called(subset)
        facts = {"folder": str(subset.folder.path), "concept": concept, "samples": subset.samples}
        learnt = bearing(concept, map(_called, _trained_beside(subset, subsets)))
        if learnt:
            yield problem(
                "regularisation_protects",
                "{folder} protects \"{concept}\" while \"{trained}\" is learnt: its images are seen {samples} times "
                "per epoch.",
                trained=", ".join(learnt), **facts,
            )
        else:
            yield problem(
                "regularisation_protects_other",
                "{folder} protects \"{concept}\", but no training folder is named after it: its images are seen "
                "{samples} times per epoch.",
                **facts,
            )


def watched(settings: DataSettings) -> list[Path]:
    """The files and folders whose change may change what `survey` finds, or what is found of the images' masks."""
    dataset = settings.dataset
    named = [Path(text) for text in (dataset.dataset_config, dataset.in_json) if text.strip()]
    described = read_dataset_file(Path(dataset.dataset_config), settings).subsets if dataset.dataset_config else ()
    masks = {mask_directory(one.augmentation): None for one in (settings, *(one.settings for one in described))}
    parents = [Path(text) for text in (dataset.train_data_dir, dataset.reg_data_dir, *masks) if text.strip()]
    folders = [path for one in described for path in (one.image_dir, one.metadata_file) if path is not None]
    return [*named, *parents, *(below for parent in parents for below in layout.folders_in(parent)), *folders]


def _from_settings(settings: DataSettings) -> Sources:
    """The subsets that folder names or a metadata file give, and those of the regularisation folder."""
    dataset, extension = settings.dataset, settings.captions.caption_extension
    parent = Path(dataset.train_data_dir) if dataset.train_data_dir.strip() else None
    if dataset.in_json.strip():
        training = read_metadata(
            Path(dataset.in_json), parent, dataset.dataset_repeats, settings.captions.caption_separator
        )
    else:
        assert parent is not None
        training = look(parent, extension, dataset.dataset_repeats if dataset.class_folders else 0)
    regular = Survey((), (), ())
    if dataset.reg_data_dir.strip():
        regular = look(Path(dataset.reg_data_dir), extension, plain_repeats=1, is_reg=True)
    trained = [folder.class_tokens for folder in training.folders]
    subsets = [_subset(folder, settings) for folder in training.folders]
    for folder in regular.folders:
        concept = concept_of(folder.class_tokens, trained)
        subsets.append(_subset(replace(folder, class_tokens=concept), settings, is_reg=True))
    offers = _offer(parent) if parent is not None and not dataset.reg_data_dir.strip() else []
    return Sources(
        tuple(subsets), (*training.problems, *regular.problems), (*training.warnings, *regular.warnings, *offers)
    )


def _subset(folder: ImageFolder, settings: DataSettings, is_reg: bool = False) -> Subset:
    return Subset(folder, settings, (folder.repeats,) * len(folder.images), is_reg)


def _from_file(path: Path, settings: DataSettings) -> Sources:
    described = read_dataset_file(path, settings)
    subsets: list[Subset] = []
    problems, warnings = list(described.problems), list(described.warnings)
    for one in described.subsets:
        survey_of_it = _images_of(one)
        problems += survey_of_it.problems
        warnings += survey_of_it.warnings
        subsets += [
            replace(_subset(folder, one.settings, one.is_reg), dataset=one.dataset, batch_size=one.batch_size)
            for folder in survey_of_it.folders
        ]
    # One folder may stand in several datasets, at several sizes; what is wrong in it is said once.
    return Sources(tuple(subsets), unique(problems), unique(warnings))


def _images_of(one: Description) -> Survey:
    if one.metadata_file is not None:
        return read_metadata(one.metadata_file, one.image_dir, one.repeats, one.settings.captions.caption_separator)
    if one.image_dir is None:
        return Survey((), (), ())
    if not is_dir(one.image_dir):
        return Survey((), (_no_folder(one),), ())
    named = NamedFolder(one.image_dir, one.repeats, one.class_tokens)
    return read_folders([named], one.settings.captions.caption_extension, one.is_reg)


def _no_folder(one: Description) -> Problem:
    return problem(
        "dataset_folder_missing",
        "image_dir = {folder} in {place} of {path} is not a folder. Relative paths start at the dataset file's folder.",
        folder=str(one.image_dir), place=one.place.words, path=str(one.place.path),
    )


def matched(subsets: tuple[Subset, ...]) -> tuple[Subset, ...]:
    """The subsets with regularisation images repeated so that each dataset sees as many as training images."""
    images = [Registered(repeats, one.is_reg, one.dataset) for one in subsets for repeats in one.repeats]
    counts = iter(seen(images))
    return tuple(replace(one, repeats=tuple(islice(counts, len(one.repeats)))) for one in subsets)


def _left_over(before: Iterable[Subset], matched: Iterable[Subset]) -> list[Problem]:
    """A warning for each folder of regularisation images of which there are more than training asks for."""
    return [
        problem(
            "regularisation_left_over",
            "{folder}: {count} of {total} regularisation images are not used, because no more are needed than training "
            "images with their repeats.",
            folder=str(then.folder.path), count=then.repeats.count(0), total=len(then.repeats),
        )
        for now, then in zip(before, matched, strict=True)
        if then.is_reg and then.repeats.count(0)
    ]


def _sizes_without_bucket(settings: DataSettings, subsets: Iterable[Subset]) -> list[Problem]:
    own = [] if settings.dataset.dataset_config else [settings]
    rules = dict.fromkeys(bucket_rules(one.dataset) for one in (*own, *(subset.settings for subset in subsets)))
    return [found for each in rules for found in bucket_problems(each)]


def _same_pictures(subsets: Iterable[Subset]) -> list[Problem]:
    paths: dict[bool, list[Path]] = {False: [], True: []}
    for subset in subsets:
        paths[subset.is_reg] += [image.path for image in subset.folder.images]
    return same_pictures(paths[False], paths[True]) if paths[True] else []


def _offer(parent: Path) -> list[Problem]:
    near = layout.regularisation_near(parent)
    if near is None:
        return []
    return [
        problem(
            "regularisation_found",
            "{folder} looks like regularisation images but is not used. To use it, set {name} to this folder.",
            folder=str(near), name="reg_data_dir",
        )
    ]


def _named_like_training(subsets: Sequence[Subset]) -> list[Problem]:
    """A warning for each folder of regularisation images that would teach the very words that are trained."""
    return [
        problem(
            "regularisation_named_like_training",
            "{folder}: regularisation images without a caption are called \"{concept}\", just like the training "
            "images. Name the folder after the class alone, for example 1_dog.",
            folder=str(subset.folder.path), concept=subset.folder.class_tokens,
        )
        for subset in subsets
        if subset.is_reg
        and subset.folder.class_tokens
        and subset.folder.class_tokens.lower() in _tokens_beside(subset, subsets)
        and any(image.caption_path is None for image in subset.folder.images)
    ]


def _trained_beside(subset: Subset, subsets: Sequence[Subset]) -> list[Subset]:
    """Subsets trained in the same dataset."""
    return [other for other in subsets if not other.is_reg and other.dataset == subset.dataset]


def _tokens_beside(subset: Subset, subsets: Sequence[Subset]) -> set[str]:
    return {other.folder.class_tokens.lower() for other in _trained_beside(subset, subsets)}


def _called(subset: Subset) -> str:
    """Subject of its images, as far as names tell: a dataset file need not give class tokens."""
    return subset.folder.class_tokens or layout.class_tokens(subset.folder.path)
