"""LoRA Easy Training Scripts' TOML: groups of options, and subsets of images that become a dataset file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from train_core.config.clean_paths import clean_path
from train_core.config.interop.imports.ledger import Ledger, is_empty, is_off, is_on
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import OFF, Import, overruled
from train_core.config.interop.imports.sd_scripts import say_options
from train_core.config.interop.imports.translate import settled
from train_core.config.interop.kept import Kept
from train_core.config.interop.lora_types import LYCORIS
from train_core.config.phrases import phrase
from train_core.config.problems import problem

PROGRAM = "LoRA Easy Training Scripts"
SUBSETS, MODE = "subsets", "train_mode"
PARTS = ("args", "dataset_args")
# Files that the program itself writes beside a result.
OWN_FILES = ("tag_occurrence", "tag_file_location", "save_toml", "save_toml_location", "easy_name", "name_replace")
RENAMED = {"batch_size": "train_batch_size"}
# Options of a subset that a dataset file takes too; `name` is only for its own list.
OF_SUBSETS = frozenset({
    "image_dir", "num_repeats", "shuffle_caption", "flip_aug", "keep_tokens", "color_aug", "random_crop",
    "caption_extension", "is_reg", "face_crop_aug_range", "caption_dropout_rate", "caption_dropout_every_n_epochs",
    "caption_tag_dropout_rate", "token_warmup_min", "token_warmup_step", "conditioning_data_dir", "caption_prefix",
    "caption_suffix", "keep_tokens_separator", "secondary_separator", "enable_wildcard", "class_tokens", "alpha_mask",
})  # fmt: skip
PATHS = ("image_dir", "conditioning_data_dir")


def from_lora_easy(tables: Mapping[str, Any], folder: Path | None = None) -> Import:
    """The settings in `tables`, the content of a file; its subsets are in `dataset`. Never raises."""
    ledger = Ledger(PROGRAM, _side_by_side(tables))
    _say_mode(ledger)
    ledger.leave_all(OWN_FILES, phrase("import_own_files", "it is about files that the other program writes"))
    options: dict[str, Any] = {}
    keys: dict[str, str] = {}
    _say_network(ledger, options, keys)
    _say_warm_up(ledger)
    dataset = _subsets(ledger, folder)
    for key in ledger.open():
        name = RENAMED.get(key, key)
        options.setdefault(name, _as_list(ledger.given[key]))
        keys.setdefault(name, key)
    say_options(ledger, options, keys)
    found = settled(ledger, {}, folder)
    return replace(found, dataset=dataset, kept=Kept(PROGRAM, tables))


def _side_by_side(tables: Mapping[str, Any]) -> dict[str, Any]:
    """The options of all groups; one that stands in two groups has the second one's name before it."""
    flat: dict[str, Any] = {}
    for group, table in tables.items():
        parts = [table[part] for part in PARTS if isinstance(table.get(part), dict)] if isinstance(table, dict) else []
        if not parts:
            flat[group] = table.get(MODE, table) if group == MODE and isinstance(table, dict) else table
        for name, value in (item for part in parts for item in part.items()):
            if name not in flat:
                flat[name] = value
            elif flat[name] != value:
                flat[f"{group}.{name}"] = value
    return flat


def _say_mode(ledger: Ledger) -> None:
    if MODE not in ledger.given:
        return
    ledger.leave(MODE, phrase("import_train_mode", "here an adapter is trained"))
    if str(ledger.given[MODE]).strip().lower() not in ("lora", ""):
        ledger.method = "Textual inversion"


def _as_list(value: Any) -> Any:
    """A table of arguments as a list of key=value."""
    if not isinstance(value, Mapping):
        return value
    return [f"{name}={_argument(item)}" for name, item in value.items() if not is_empty(item)]


def _argument(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    words = {"true": "True", "false": "False"}
    return words.get(str(value).lower(), str(value))


def _say_network(ledger: Ledger, options: dict[str, Any], keys: dict[str, str]) -> None:
    """The module follows from what the arguments hold, and from the box for LoRA-FA."""
    arguments = ledger.given.get("network_args")
    names = arguments.keys() if isinstance(arguments, Mapping) else ()
    module = LYCORIS if "algo" in names else "networks.dylora" if "unit" in names else ""
    if module:
        options["network_module"], keys["network_module"] = module, "network_args"
    if is_on(ledger.given.get("fa")) and not module:
        options["network_module"], keys["network_module"] = "networks.lora_fa", "fa"
    elif "fa" in ledger.given:
        ledger.leave("fa", OFF)


def _say_warm_up(ledger: Ledger) -> None:
    """The warm-up is a share of the run."""
    share = number_of(ledger.given.get("warmup_ratio"))
    if share is not None and 0 < share <= 1:
        ledger.say("warmup_ratio", "lr_warmup_steps", f"{100 * share:g}%",
                   phrase("import_share", "it is a share of the run"))
    elif share == 0:
        ledger.leave("warmup_ratio", OFF)


def _subsets(ledger: Ledger, folder: Path | None) -> dict[str, Any]:
    """The subsets as the tables of a dataset file; none if there is none."""
    listed = ledger.given.get(SUBSETS)
    subsets = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not subsets or not any(_folder_of(one) for one in subsets):
        if SUBSETS in ledger.given:
            ledger.leave(SUBSETS, OFF)
        return {}
    if ledger.has("dataset_config"):
        ledger.leave(SUBSETS, overruled("dataset_config"))
        return {}
    for number, one in enumerate(subsets, 1):
        for name in one.keys() - OF_SUBSETS - {"name"}:
            ledger.puzzle(f"{SUBSETS} {number}: {name}", one[name],
                          phrase("import_subset_option", "a dataset file has no such key"))
    ledger.leave(SUBSETS, phrase("import_subsets", "they become a dataset file, which dataset_config names"))
    ledger.notes.append(
        problem(
            "import_subsets_count",
            "This file describes its images itself (subsets: {count}). They are written to a dataset file when the "
            "settings are saved or used.",
            count=len(subsets),
        )
    )
    return {"datasets": [{"subsets": [_subset(one, folder) for one in subsets]}]}


def _folder_of(subset: Mapping[str, Any]) -> str:
    return clean_path(str(subset.get("image_dir") or ""))


def _subset(one: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    values = {
        name: value for name, value in one.items()
        if name in OF_SUBSETS and not is_empty(value) and not is_off(value)
    }
    for name in PATHS:
        if isinstance(values.get(name), str):
            path = clean_path(values[name])
            values[name] = str(folder / path) if folder is not None else path
    return values
