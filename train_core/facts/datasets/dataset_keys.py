"""The keys of sd-scripts' dataset files: which exist, at which of three levels, and what is wrong with others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from train_core.config.checks.paths import foreign_input
from train_core.config.clean_paths import system_of
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import absolute_path
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.places import real_path
from train_core.config.problems import Problem, UserError, problem
from train_core.config.setting import Section, Setting, setting, settings_of
from train_core.config.syntax.coerce import coerce

GENERAL, DATASET, SUBSET = "[general]", "[[datasets]]", "[[datasets.subsets]]"


class SubsetSettings(Section):
    """Properties of a subset's images that are not settings of the whole run."""

    batch_size: int = setting(0, "Images per step and device.", ge=1, le=1024)
    num_repeats: int = setting(1, "How often each image is seen in an epoch.", ge=1, le=10000)
    class_tokens: str = setting("", "The caption of images that have none.")
    image_dir: str = setting("", "The folder that holds the images.", path="folder")
    metadata_file: str = setting("", "The JSON or JSONL file that lists the images.", path="data")
    is_reg: bool = setting(False, "Whether these are regularisation images.")


_EVERYWHERE = frozenset({
    "resize_interpolation", "num_repeats", "shuffle_caption", "caption_separator", "keep_tokens",
    "keep_tokens_separator", "secondary_separator", "enable_wildcard", "caption_prefix", "caption_suffix", "color_aug",
    "flip_aug", "face_crop_aug_range", "random_crop", "token_warmup_min", "token_warmup_step", "custom_attributes",
    "caption_dropout_rate", "caption_dropout_every_n_epochs", "caption_tag_dropout_rate", "caption_extension",
    "class_tokens", "cache_info", "alpha_mask", "diff_output_preservation",
})  # fmt: skip
_ABOVE_SUBSETS = frozenset({
    "batch_size", "enable_bucket", "bucket_no_upscale", "bucket_reso_steps", "min_bucket_reso", "max_bucket_reso",
    "resolution", "network_multiplier", "validation_seed", "validation_split",
})  # fmt: skip
_IN_SUBSETS = frozenset({"image_dir", "is_reg", "metadata_file", "conditioning_data_dir"})
LEVELS = {
    GENERAL: _EVERYWHERE | _ABOVE_SUBSETS,
    DATASET: _EVERYWHERE | _ABOVE_SUBSETS,
    SUBSET: _EVERYWHERE | _IN_SUBSETS,
}
PRESERVATION = "diff_output_preservation"
# Keys that change nothing here whatever they say: what they save time on is always checked, and quickly.
_UNNEEDED = frozenset({"cache_info"})
# Settings of the run that have another name here, or none because a dataset file says it all.
_CALLED = {
    "train_data_dir": "image_dir", "reg_data_dir": "image_dir (is_reg = true)", "in_json": "metadata_file",
    "dataset_repeats": "num_repeats", "train_batch_size": "batch_size",
}  # fmt: skip
_NOT_BESIDE = frozenset({"dataset_config", "class_folders"})
_MOST_HELD_OUT = next(s.bound("le") for s in TrainConfig.settings() if s.name == "validation_split") or 0.0
# What keys without a counterpart here say when they ask for nothing.
_NOTHING_ASKED = {"network_multiplier": 1.0}


@dataclass(frozen=True)
class Place:
    """Position of a value in a file, in words and as one of the three levels."""

    path: Path
    words: str
    level: str

    @property
    def source(self) -> Phrase:
        """The place and its file in words."""
        return phrase("place_in_file", "{place} of {path}", place=self.words, path=str(self.path))


def declared_keys() -> dict[str, Setting]:
    """Every key that has an effect here, as the setting that says its type and bounds."""
    own = {s.name: s for s in settings_of("subset", SubsetSettings)}
    known = LEVELS[DATASET] | LEVELS[SUBSET]
    return own | {name: s for name, s in DataSettings.settings().items() if name in known}


def typed(table: dict[str, Any], place: Place) -> tuple[dict[str, Any], list[Problem]]:
    """The values of one table with their right types, paths made absolute, and a problem for each that is wrong.

    None means that a value is not given; false, zero and empty text are values.
    """
    declared = declared_keys()
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    keys = _with_attributes(table)
    for key, raw in keys.items():
        wrong = _wrong_key(key, keys, place, declared)
        if wrong is not None:
            problems.append(wrong)
        elif key in declared and raw is not None:
            try:
                values[key] = _absolute(declared[key], coerce(declared[key], raw, place.source), place)
            except UserError as error:
                problems += error.problems
    return values, problems


def _with_attributes(table: dict[str, Any]) -> dict[str, Any]:
    """`table` with the one custom attribute that has a meaning here as a key like any other."""
    attributes = table.get("custom_attributes")
    if not isinstance(attributes, dict) or PRESERVATION not in attributes:
        return table
    others = {name: value for name, value in attributes.items() if name != PRESERVATION}
    return {**table, "custom_attributes": others, PRESERVATION: attributes[PRESERVATION]}


def _absolute(declared: Setting, value: Any, place: Place) -> Any:
    """`value` with an absolute path where it is one. Raises `UserError` for a path of another system."""
    if not declared.traits.path or not value:
        return value
    path = str(absolute_path(value, real_path(place.path).parent))
    if system := system_of(path):
        name = phrase("key_at", "{key} ({place})", key=declared.name, place=place.source)
        raise UserError(foreign_input(name, path, system))
    return path


def _wrong_key(key: str, table: Mapping[str, Any], place: Place, declared: Mapping[str, Setting]) -> Problem | None:
    """Reason why `key` of `table` is not allowed at `place`, with what does the same; None if it is allowed."""
    raw = table[key]
    asks = raw is not None and raw not in (_NOTHING_ASKED.get(key), False, 0, "", {})
    without_effect = any(key in keys for keys in LEVELS.values()) and key not in declared
    if without_effect:  # whatever the level, so that no advice leads to a place where it is refused again
        if key in _UNNEEDED or not asks:
            return None
        if key == "validation_split":
            return _validation(table, place)
        return _elsewhere(key, place) if _is_of_the_run(key) else _not_yet(key, place)
    return None if key in LEVELS[place.level] else _stray(key, place)


def _not_yet(key: str, place: Place) -> Problem:
    return problem(
        "dataset_key_not_yet",
        "{key} in {place} of {path} is not supported by this version of Crucible. Remove it to train without it.",
        key=key, place=place.words, path=str(place.path),
    )


_WHOLE_SUBSETS = ("dataset_validation_subset", "dataset_validation_numbered_subset")


def _validation(table: Mapping[str, Any], place: Place) -> Problem:
    """What does here what a `validation_split` in a dataset file asks for."""
    where = {"value": repr(table["validation_split"]), "place": place.words, "path": str(place.path)}
    share, limit = _number(table["validation_split"]), _MOST_HELD_OUT
    if share <= limit:
        return _elsewhere("validation_split", place)
    folder = table.get("image_dir") if place.level == SUBSET else None
    if not isinstance(folder, str) or not folder:
        return problem(
            "dataset_validation_too_much",
            "validation_split = {value} in {place} of {path}: {limit} of the images at most can be kept for "
            "validation. Set validation_split in the settings to that or less, or put the images for validation into a "
            "folder and set validation_data_dir in the settings to it.",
            limit=f"{limit:g}", **where,
        )
    images = absolute_path(folder, place.path.resolve().parent)
    if re.match(r"\d+_", images.name):  # as a folder among others it would be read with its repeats
        return problem(
            "dataset_validation_numbered_subset",
            "validation_split = {value} in {place} of {path}: remove the subset here, move {folder} into a folder of "
            "its own, and set validation_data_dir in the settings to that folder.",
            folder=str(images), **where,
        )
    return problem(
        "dataset_validation_subset",
        "validation_split = {value} in {place} of {path}: remove the subset here, and set validation_data_dir = "
        "{folder} in the settings.",
        folder=str(images), **where,
    )


def with_one_validation_folder(problems: Iterable[Problem]) -> list[Problem]:
    """`problems`, in which subsets kept for validation become one: validation_data_dir takes a single folder."""
    problems = list(problems)
    kept = {found.params["folder"]: found for found in problems if found.code in _WHOLE_SUBSETS}
    if len(kept) < 2:
        return problems
    together = problem(
        "dataset_validation_subsets",
        "validation_split = {value} in {places} of {path}: there is only one folder for validation. Remove these "
        "subsets here, move {folders} into one folder of their own, and set validation_data_dir in the settings to "
        "that folder.",
        value=next(iter(kept.values())).params["value"], path=next(iter(kept.values())).params["path"],
        places=joined("and", [found.params["place"] for found in kept.values()]), folders=joined("and", kept),
    )
    first = next(iter(kept.values()))
    return [together if found is first else found for found in problems if found is first or found not in kept.values()]


def _number(raw: Any) -> float:
    try:
        return float(raw)
    except (TypeError, ValueError):
        return 0.0


def _stray(key: str, place: Place) -> Problem:
    """Problem for a key that does not belong to this level: where it does, or what it may have meant."""
    where = {"key": key, "place": place.words, "path": str(place.path)}
    levels = [level for level, keys in LEVELS.items() if key in keys]
    if levels:
        return problem(
            "dataset_key_level",
            "{key} in {place} of {path} is not allowed there. Move it to {levels}.",
            levels=" / ".join(levels), **where,
        )
    if key in _CALLED:
        return problem(
            "dataset_key_called",
            "{key} in {place} of {path} is called {name} in dataset files. It is allowed in {levels}.",
            name=_CALLED[key],
            levels=" / ".join(level for level, keys in LEVELS.items() if _CALLED[key].split()[0] in keys), **where,
        )
    if _is_of_the_run(key) and key not in _NOT_BESIDE:
        return _elsewhere(key, place)
    near = get_close_matches(key, sorted(LEVELS[place.level]), 1)
    if near:
        return problem(
            "dataset_key_unknown_near",
            "{key} in {place} of {path} is not a key of dataset files. Did you mean {nearest}?",
            nearest=near[0], **where,
        )
    return problem(
        "dataset_key_unknown",
        "{key} in {place} of {path} is not a key of dataset files. Remove it; docs/datasets.md lists all keys.",
        **where,
    )


def _is_of_the_run(key: str) -> bool:
    return key in {s.name for s in TrainConfig.settings()}


def _elsewhere(key: str, place: Place) -> Problem:
    return problem(
        "dataset_key_elsewhere",
        "{key} in {place} of {path} applies to the whole run. Set it in the settings instead of the dataset file.",
        key=key, place=place.words, path=str(place.path),
    )
