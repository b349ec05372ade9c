"""A trained adapter's metadata as settings: what sd-scripts, kohya_ss, LyCORIS and this program write into files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.interop.imports.families import family_of
from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import Import, Need, overruled
from train_core.config.interop.imports.sd_scripts import KNOWN, say_options
from train_core.config.interop.imports.translate import settled
from train_core.config.phrases import joined, phrase, setting_name
from train_core.config.problems import UserError, problem
from train_core.config.untrusted import NotReadable, json_of
from train_core.kinds import stated_kind

PROGRAM = "sd-scripts"
START, SPEC = "ss_", "modelspec."
NOTHING = ("None", "null", "")
RENAMED = {
    "batch_size_per_device": "train_batch_size", "optimizer": "optimizer_type", "num_epochs": "max_train_epochs",
    "debiased_estimation": "debiased_estimation_loss", "base_model_version": "",
}  # fmt: skip
# Fields about the file in which sd-scripts has no option, and the setting that writes them.
AUTHORSHIP = ("author", "description", "license", "tags", "trigger_phrase", "usage_hint", "merged_from",
              "preprocessor", "title")  # fmt: skip
# What a dataset says of itself, in `ss_datasets`.
OF_DATASETS = {
    "batch_size_per_device": "train_batch_size", "resolution": "resolution", "enable_bucket": "enable_bucket",
    "bucket_no_upscale": "bucket_no_upscale", "min_bucket_reso": "min_bucket_reso",
    "max_bucket_reso": "max_bucket_reso", "resize_interpolation": "resize_interpolation",
}  # fmt: skip
OF_SUBSETS = (
    "shuffle_caption", "keep_tokens", "keep_tokens_separator", "flip_aug", "color_aug", "random_crop",
    "caption_dropout_rate", "caption_dropout_every_n_epochs", "caption_tag_dropout_rate", "caption_prefix",
    "caption_suffix", "enable_wildcard", "token_warmup_min", "token_warmup_step",
)  # fmt: skip
NEEDED = {"sd_model_name": "pretrained_model_name_or_path", "vae_name": "vae"}
MOST = 8  # names of folders in a question
A_RESULT = phrase("import_result", "it tells what came of the training")


def from_metadata(metadata: Mapping[str, str], path: Path) -> Import:
    """The settings that the file at `path` was trained with, by its `metadata`.

    Raises `UserError` where these say nothing of a training.
    """
    if not says_training(metadata):
        raise UserError(
            problem(
                "import_no_metadata",
                "{path} does not say how it was trained: its metadata were removed, or its trainer writes none.",
                path=str(path),
            )
        )
    ledger = Ledger(PROGRAM, metadata)
    ledger.family = stated_kind(metadata) or family_of(metadata.get("ss_base_model_version", ""))
    options: dict[str, Any] = {}
    keys: dict[str, str] = {}
    _say_datasets(ledger)
    _say_network_arguments(ledger)
    for key in ledger.open():
        name = key.removeprefix(START)
        name = RENAMED.get(name, name)
        if key.startswith(START) and name in KNOWN and name not in options:
            options[name], keys[name] = _plain(name, metadata[key]), key
    _say_optimizer(ledger, options, keys)
    _say_length(ledger, options, keys)
    _say_velocity(ledger, options)
    say_options(ledger, options, keys)
    _say_authorship(ledger)
    needs = _needs(ledger)
    ledger.leave_all([key for key in ledger.open() if key not in needs], A_RESULT)
    return settled(ledger, asked=needs.values())


def says_training(metadata: Mapping[str, str]) -> bool:
    """Whether a file's `metadata` say anything of its training."""
    return any(name.startswith(START) for name in metadata)


def _plain(name: str, text: str) -> Any:
    """A value from its text: nothing, the numbers of a size, a list, or as it is."""
    if text.strip() in NOTHING:
        return None
    if name == "resolution":
        return ",".join(re.findall(r"\d+", text)) or text
    return text


def _say_optimizer(ledger: Ledger, options: dict[str, Any], keys: dict[str, str]) -> None:
    """The optimizer is a class with its arguments in brackets."""
    said = options.get("optimizer_type")
    if not isinstance(said, str):
        return
    name, bracket, arguments = said.partition("(")
    options["optimizer_type"] = name.rpartition(".")[2].strip()
    if bracket and arguments.rstrip(") "):
        options["optimizer_args"], keys["optimizer_args"] = arguments.strip().removesuffix(")"), keys["optimizer_type"]


def _say_length(ledger: Ledger, options: dict[str, Any], keys: dict[str, str]) -> None:
    """Files hold both epochs and steps: epochs are meant where they make just these steps."""
    epochs, steps = (number_of(options.get(name)) for name in ("max_train_epochs", "max_train_steps"))
    each = number_of(ledger.given.get("ss_num_batches_per_epoch"))
    accumulated = number_of(ledger.given.get("ss_gradient_accumulation_steps")) or 1
    if not epochs or not steps:
        return
    by_epochs = not each or round(epochs * each / accumulated) <= steps
    dropped, chosen = ("max_train_steps", "max_train_epochs") if by_epochs else ("max_train_epochs", "max_train_steps")
    ledger.leave(keys[dropped], overruled(keys[chosen]))
    del options[dropped], keys[dropped]


def _say_velocity(ledger: Ledger, options: dict[str, Any]) -> None:
    key = SPEC + "prediction_type"
    if ledger.given.get("ss_base_model_version", "").endswith("_v") or ledger.given.get(key) == "v":
        options["v_parameterization"] = True
    if options.get("v_parameterization") and key in ledger.given:
        ledger.say(key, "v_parameterization", True)


def _say_network_arguments(ledger: Ledger) -> None:
    """The arguments of the network are a table in JSON, in which the dropout stands again."""
    key = "ss_network_args"
    table = _json(ledger, key)
    if not isinstance(table, dict):
        return
    said = {
        name: value for name, value in table.items()
        if str(value) not in NOTHING and not (name == "dropout" and ledger.given.get("ss_network_dropout"))
    }
    if said:
        ledger.say(key, "network_args", [f"{name}={value}" for name, value in said.items()])


def _say_datasets(ledger: Ledger) -> None:
    """What the first of several datasets says, and its subsets where they agree."""
    key = "ss_datasets"
    datasets = _json(ledger, key)
    first = datasets[0] if isinstance(datasets, list) and datasets else None
    if not isinstance(first, dict):
        return
    reason = phrase("import_first_dataset", "of several datasets the first one counts")
    for name, ours in OF_DATASETS.items():
        if first.get(name) is not None:
            ledger.say(key, ours, first[name], reason)
    subsets = [one for one in first.get("subsets") or () if isinstance(one, dict) and not one.get("is_reg")]
    for name in OF_SUBSETS:
        values = [one.get(name) for one in subsets]
        if values and values[0] is not None and all(value == values[0] for value in values):
            ledger.say(key, name, values[0], reason)


def _json(ledger: Ledger, key: str) -> Any:
    """The JSON in a field; None where it is none."""
    try:
        return json_of(str(ledger.given.get(key) or "null"))
    except NotReadable:
        return None


def _say_authorship(ledger: Ledger) -> None:
    for name in AUTHORSHIP:
        key = SPEC + name
        same_as_name = name == "title" and ledger.given.get(key) == ledger.given.get("ss_output_name")
        if ledger.has(key) and not same_as_name:
            ledger.say(key, f"metadata_{name}", ledger.given[key])


def _needs(ledger: Ledger) -> dict[str, Need]:
    """Questions for the files and folders of which metadata hold the names alone, by their keys."""
    needs: dict[str, Need] = {}
    for name, setting in NEEDED.items():
        key = START + name
        if ledger.has(key) and str(ledger.given[key]) not in NOTHING:
            question = problem(
                "import_named_file",
                "{name}: the file was made with {file}. Which file or folder on this computer is it?",
                name=setting_name(setting), file=str(ledger.given[key]),
            )
            needs[key] = Need(key, ledger.given[key], setting, question)
    for key, setting in ((START + "dataset_dirs", "train_data_dir"), (START + "reg_dataset_dirs", "reg_data_dir")):
        folders = _json(ledger, key)
        if isinstance(folders, dict) and folders:
            question = problem(
                "import_named_folders",
                "{name}: the images lay in {folders}. Which folder on this computer holds these folders?",
                name=setting_name(setting), folders=joined("comma", _some(folders)),
            )
            needs[key] = Need(key, ledger.given[key], setting, question)
    return {key: need for key, need in needs.items() if not is_empty(need.value)}


def _some(folders: Mapping[str, Any]) -> list[str]:
    names = [str(name) for name in folders]
    return [*names[:MOST], *(["…"] if len(names) > MOST else [])]
