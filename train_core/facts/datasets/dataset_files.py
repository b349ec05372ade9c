"""sd-scripts' dataset files (TOML or JSON): three levels of settings, of which the lowest one given counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.checks.applicability import not_applicable
from train_core.config.checks.draws import draw_contradictions
from train_core.config.checks.images import bucket_contradictions
from train_core.config.image_settings import DataSettings
from train_core.config.phrases import phrase
from train_core.config.problems import Problem, UserError, problem, unique
from train_core.config.tables import read_tables
from train_core.facts.datasets.dataset_keys import (
    DATASET,
    GENERAL,
    PRESERVATION,
    SUBSET,
    Place,
    typed,
    with_one_validation_folder,
)

Values = dict[str, Any]


@dataclass(frozen=True)
class Description:
    """A subset before its images are looked at: where they are, and the settings that apply to it.

    Either `image_dir` or `metadata_file` is there. `dataset` counts from 0; `batch_size` is 0 where the run's holds.
    """

    place: Place
    settings: DataSettings
    dataset: int
    batch_size: int
    repeats: int
    class_tokens: str
    is_reg: bool
    image_dir: Path | None
    metadata_file: Path | None


@dataclass(frozen=True)
class DatasetFile:
    """Contents of a dataset file, with everything that is wrong or odd in it."""

    subsets: tuple[Description, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def read_dataset_file(path: Path, base: DataSettings) -> DatasetFile:
    """The subsets that `path` describes. A value is looked up in the subset, its dataset, `[general]`, then in `base`.

    Relative paths start at the file's folder. Problems name the file and the place in it; none is raised.
    """
    try:
        tables = read_tables(path)
    except UserError as error:
        return DatasetFile((), error.problems, ())
    reader = _Reader(path, base)
    subsets = tuple(reader.read(tables))
    return DatasetFile(subsets, unique(with_one_validation_folder(reader.problems)), unique(reader.warnings))


class _Reader:
    """Reads one file and gathers what is wrong with it."""

    def __init__(self, path: Path, base: DataSettings) -> None:
        self.path = path
        self.base = base
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def read(self, tables: Mapping[str, Any]) -> Iterator[Description]:
        """Every subset that can be understood, in the file's order."""
        whole = Place(self.path, phrase("top_level", "the top level"), GENERAL)
        self.problems += [_table_unknown(key, whole) for key in sorted(tables.keys() - {"general", "datasets"})]
        general = tables.get("general")
        general = self._values({} if general is None else general, Place(self.path, GENERAL, GENERAL))
        for number, dataset in enumerate(self._tables(tables.get("datasets"), whole, DATASET)):
            place = Place(self.path, f"{DATASET} {number + 1}", DATASET)
            own = {key: value for key, value in dataset.items() if key != "subsets"}
            values = general | self._values(own, place)
            # Whatever the level, the sizes are the dataset's.
            self.problems += bucket_contradictions(self.base.with_values(values).dataset, place.source)
            subsets = list(self._subsets(dataset.get("subsets"), values, number, place))
            self._check_together(subsets, place)
            yield from subsets

    def _subsets(self, tables: Any, above: Values, number: int, place: Place) -> Iterator[Description]:
        for position, table in enumerate(self._tables(tables, place, SUBSET), 1):
            words = phrase("subset_of", "{place}, subset {number}", place=place.words, number=position)
            own_place = Place(self.path, words, SUBSET)
            own = self._values(table, own_place)
            self._check_kind(own, table, own_place)
            values = above | own
            settings = self.base.with_values(values)
            self.problems += draw_contradictions(settings.dataset, settings.captions, settings.augmentation)
            self.warnings += _without_effect(values, settings, own_place)
            yield Description(
                own_place, settings, number,
                batch_size=values.get("batch_size", 0),
                repeats=values.get("num_repeats", settings.dataset.dataset_repeats),
                class_tokens=values.get("class_tokens", ""),
                is_reg=values.get("is_reg", False),
                image_dir=Path(own["image_dir"]) if own.get("image_dir") else None,
                metadata_file=Path(own["metadata_file"]) if own.get("metadata_file") else None,
            )

    def _tables(self, value: Any, above: Place, kind: str) -> list[dict[str, Any]]:
        """The tables of an array; a problem if there is none, or if an item in it is not a table."""
        items = value if isinstance(value, list) else []
        if not items or not all(isinstance(item, dict) for item in items):
            self.problems.append(
                problem(
                    "dataset_tables_missing",
                    "{place} of {path} has no {kind}. Write each dataset as [[datasets]] and, below it, each of its "
                    "folders as [[datasets.subsets]] with an image_dir.",
                    place=above.words, path=str(self.path), kind=kind,
                )
            )
        return [item for item in items if isinstance(item, dict)]

    def _values(self, table: Any, place: Place) -> Values:
        if not isinstance(table, dict):
            self.problems.append(_table_unknown(place.words, place))
            return {}
        values, problems = typed(table, place)
        self.problems += problems
        return values

    def _check_kind(self, own: Values, table: Mapping[str, Any], place: Place) -> None:
        if not table.get("image_dir") and not table.get("metadata_file"):
            self.problems.append(
                problem(
                    "dataset_subset_without_images",
                    "{place} of {path} has neither image_dir nor metadata_file. Set image_dir to the folder of its "
                    "images.",
                    place=place.words, path=str(self.path),
                )
            )
        if own.get("metadata_file"):
            self.problems += [
                problem(
                    "dataset_key_for_folders",
                    "{key} in {place} of {path} is for image folders; a subset with metadata_file takes its captions "
                    "from that file. Remove one of the two.",
                    key=key, place=place.words, path=str(self.path),
                )
                for key in ("is_reg", "class_tokens", "caption_extension")
                if own.get(key)
            ]

        if own.get(PRESERVATION) and not own.get("is_reg"):
            self.problems.append(
                problem(
                    "preservation_of_training_images",
                    "{key} in {place} of {path} is for regularisation images; with it, nothing would be learnt from "
                    "training images. Set is_reg = true there, or remove it.",
                    key=PRESERVATION, place=place.words, path=str(self.path),
                )
            )

    def _check_together(self, subsets: list[Description], place: Place) -> None:
        if len({subset.metadata_file is None for subset in subsets}) > 1:
            self.problems.append(
                problem(
                    "dataset_mixed",
                    "{place} of {path} mixes subsets with and without metadata_file. Put them into separate "
                    "[[datasets]].",
                    place=place.words, path=str(self.path),
                )
            )
        if subsets and all(subset.is_reg for subset in subsets):
            self.problems.append(
                problem(
                    "dataset_only_regularisation",
                    "{place} of {path} has only regularisation images, which are matched to training images of the "
                    "same dataset. Move them into a dataset that has training images.",
                    place=place.words, path=str(self.path),
                )
            )
        self.problems += _twice(subsets)


def _table_unknown(key: str, place: Place) -> Problem:
    return problem(
        "dataset_table_unknown",
        "{key} is not expected in {path}. A dataset file consists only of [general], [[datasets]] and "
        "[[datasets.subsets]].",
        key=key, path=str(place.path),
    )


def _twice(subsets: list[Description]) -> list[Problem]:
    """A problem for each subset whose images are those of an earlier one of the same dataset."""
    first: dict[tuple[Path | None, Path | None], Description] = {}
    return [
        problem(
            "dataset_subset_twice",
            "{place} of {path} names the same images as {first}: {images}. Keep one; use num_repeats to see them more "
            "often.",
            place=subset.place.words, path=str(subset.place.path), first=first[images].place.words,
            images=str(subset.metadata_file or subset.image_dir),
        )
        for subset in subsets
        if any(images := (subset.image_dir, subset.metadata_file)) and first.setdefault(images, subset) is not subset
    ]


def _without_effect(values: Values, settings: DataSettings, place: Place) -> list[Problem]:
    """A warning for each given value that another one makes useless, as far as a dataset file can say both."""
    declared, held = DataSettings.settings(), settings.flat()
    settled = [s for s in declared.values() if s.name in values and s.applies_to.settings <= held.keys()]
    return not_applicable(settled, values, held, lambda name: place.source)
