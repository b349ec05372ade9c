"""The keys of sd-scripts' dataset files: which exist, at which of three levels, and what is wrong with others."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from train_core.config.checks.paths import foreign_input
from train_core.config.clean_paths import system_of
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import absolute_path
from train_core.config.phrases import Phrase, phrase
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
    for key, raw in _with_attributes(table).items():
        wrong = _wrong_key(key, raw, place, declared)
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
    path = str(absolute_path(value, place.path.resolve().parent))
    if system := system_of(path):
        name = phrase("key_at", "{key} ({place})", key=declared.name, place=place.source)
        raise UserError(foreign_input(name, path, system))
    return path


def _wrong_key(key: str, raw: Any, place: Place, declared: dict[str, Setting]) -> Problem | None:
    """Reason why `key` is not allowed at `place`; None if it is."""
    if key not in LEVELS[place.level]:
        return _stray(key, place)
    asks = raw is not None and raw not in (_NOTHING_ASKED.get(key), False, 0, "", {})
    if key in declared or key in _UNNEEDED or not asks:
        return None
    if _is_of_the_run(key):
        return _elsewhere(key, place)
    return problem(
        "dataset_key_not_yet",
        "{key} in {place} of {path} is not supported by this version of Crucible. Remove it to train without it.",
        key=key, place=place.words, path=str(place.path),
    )


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
    if _is_of_the_run(key):
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
