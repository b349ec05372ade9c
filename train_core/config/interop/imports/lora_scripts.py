"""lora-scripts' ("SD-Trainer") files: the TOML of its forms and templates, and the variables of its train.sh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.interop.imports.families import family_of
from train_core.config.interop.imports.ledger import Ledger, is_empty, is_on
from train_core.config.interop.imports.network_words import say_arguments
from train_core.config.interop.imports.report import OFF, Import, overruled
from train_core.config.interop.imports.sd_scripts import KNOWN, say_options
from train_core.config.interop.imports.shell_scripts import Script
from train_core.config.interop.imports.translate import settled
from train_core.config.interop.lora_types import LYCORIS
from train_core.config.interop.unused_options import UNNEEDED
from train_core.config.phrases import phrase
from train_core.config.problems import UserError, problem
from train_core.config.syntax.arguments import words_in
from train_core.config.untrusted import NotReadable, toml_of

PROGRAM = "lora-scripts"
# What only its forms have: a file that holds one of these is one of its own.
FORM = frozenset({
    "model_train_type", "lycoris_algo", "lokr_factor", "dylora_unit", "network_args_custom", "optimizer_args_custom",
    "enable_block_weights", "enable_base_weight", "enable_preview", "randomly_choice_prompt", "positive_prompts",
    "negative_prompts", "ui_custom_params", "prodigy_d0", "prodigy_d_coef", "lr_restart_cycles",
})  # fmt: skip
FOLDERS_DOWN = 3
TEMPLATE = frozenset({"name", "version", "author", "description", "train_type"})
ABOUT_IT = phrase("import_about_template", "it describes the template")
# The options that have other names in its forms and in its script.
RENAMED = {
    "lr_restart_cycles": "lr_scheduler_num_cycles", "pretrained_model": "pretrained_model_name_or_path",
    "is_v2_model": "v2", "parameterization": "v_parameterization", "batch_size": "train_batch_size",
    "max_train_epoches": "max_train_epochs", "train_unet_only": "network_train_unet_only",
    "train_text_encoder_only": "network_train_text_encoder_only", "lr": "learning_rate",
}  # fmt: skip
# Fields of the network that are arguments of it, by the argument's name.
OF_LYCORIS = {
    "lycoris_algo": "algo", "algo": "algo", "lokr_factor": "factor", "conv_dim": "conv_dim",
    "conv_alpha": "conv_alpha", "dropout": "dropout", "train_norm": "train_norm",
}  # fmt: skip
BLOCKS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold")
BASES = ("base_weights", "base_weights_multiplier")
# A line of its prompts: the fields that become flags of a prompt here.
PROMPT = {
    "negative_prompts": "n", "sample_width": "w", "sample_height": "h", "sample_cfg": "l", "sample_steps": "s",
    "sample_seed": "d",
}  # fmt: skip


def is_of_lora_scripts(tables: Mapping[str, Any]) -> bool:
    """Whether `tables` are a file of its forms or one of its templates."""
    about, data = tables.get("metadata"), tables.get("data")
    if isinstance(about, dict) and isinstance(data, dict):
        return "name" in about and about.keys() <= TEMPLATE
    names = {*tables, *(name for table in tables.values() if isinstance(table, dict) for name in table)}
    return bool(names & FORM)


def from_lora_scripts(given: Mapping[str, Any], folder: Path | None = None) -> Import:
    """The settings in `given`, the fields of a form side by side. Never raises."""
    ledger = Ledger(PROGRAM, {**given, **_own_lines(given)})
    ledger.leave_all(TEMPLATE, ABOUT_IT)
    _say_fields(ledger, RENAMED)
    return settled(ledger, {}, _root(given, folder))


def from_script(script: Script, folder: Path | None = None) -> Import:
    """The settings in a script that starts sd-scripts, such as train.sh, by its variables and its flags. Never raises.

    A key of the report is a variable, or a flag with its dashes.
    """
    ledger = Ledger(PROGRAM if RENAMED.keys() & script.variables.keys() else "sd-scripts", script.given())
    ledger.leave_all(script.environment, phrase("import_environment", "it is for other programs"))
    within = script.within - script.used_by.keys() - RENAMED.keys() - KNOWN
    ledger.leave_all(sorted(within), phrase("import_within", "its value stands in others"))
    adapts = str(ledger.given.get("optimizer_type") or "").strip() == "DAdaptation"
    if adapts and "--optimizer_args" not in ledger.given:
        ledger.imply("optimizer_args", ["decouple=True"])  # as the script does it
    flags = {f"--{name}": name for name in script.flags}
    _say_fields(ledger, {**RENAMED, **script.used_by, **flags}, script.trainer)
    return settled(ledger, {}, folder)


def _root(given: Mapping[str, Any], folder: Path | None) -> Path | None:
    """The folder where relative paths start: the program's own, in which its files lie some folders down."""
    paths = [str(given[name]) for name in ("train_data_dir", "pretrained_model_name_or_path") if given.get(name)]
    above = [] if folder is None else [folder, *folder.parents[:FOLDERS_DOWN]]
    return next((place for place in above if any((place / path).exists() for path in paths)), folder)


def _own_lines(given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the user wrote as TOML of their own, which go before the form's fields."""
    try:
        own = toml_of(str(given.get("ui_custom_params") or ""))
    except NotReadable:
        return {}
    return {name: value for name, value in own.items() if not isinstance(value, dict)}


def _say_fields(ledger: Ledger, renamed: Mapping[str, str], trainer: str = "") -> None:
    """Put the fields of a form, or the variables of a script that starts `trainer`, into sd-scripts' options.

    `renamed` maps to these.
    """
    _say_family(ledger)
    if ledger.has("ui_custom_params"):
        ledger.leave("ui_custom_params", phrase("import_own_lines", "its lines count as fields of their own"))
    say_network(ledger)
    _say_optimizer(ledger)
    _say_preview(ledger)
    ledger.leave_all(("multi_gpu",), phrase("import_several_cards", "num_processes says it"))
    ledger.leave_all(("use_wandb",), UNNEEDED["log_with"])
    options: dict[str, Any] = {}
    keys: dict[str, str] = {}
    for key in ledger.open():
        name = renamed.get(key, key)
        if name in options:
            ledger.leave(key, overruled(keys[name]))
        else:
            options[name], keys[name] = ledger.given[key], key
    if is_on(options.get("v2")) and "clip_skip" in options:  # as the script does it
        ledger.leave(keys["clip_skip"], phrase("import_of_other_family", "models of SD 2.x do not use it there"))
        del options["clip_skip"]
    say_options(ledger, options, keys, trainer)


def _say_family(ledger: Ledger) -> None:
    kind = str(ledger.given.get("model_train_type") or "").strip().lower()
    if kind:
        ledger.family = family_of(kind)
        ledger.leave("model_train_type", UNNEEDED["v2"])


def say_network(ledger: Ledger) -> None:
    """The fields of the network: those of LyCORIS, of blocks and of weights below count only where they are chosen."""
    module = str(ledger.given.get("network_module") or ledger.given.get("--network_module") or "").strip()
    of_other = phrase("import_of_other_type", "{type} does not use it there", type=module or "networks.lora")
    if module == LYCORIS:
        say_arguments(ledger, {key: name for key, name in OF_LYCORIS.items() if key in ledger.given})
    else:
        ledger.leave_all(OF_LYCORIS, of_other)
    if module == "networks.dylora" and "dylora_unit" in ledger.given:
        ledger.say("dylora_unit", "unit", ledger.given["dylora_unit"])
    ledger.leave_all(["dylora_unit"] if "unit" not in ledger.words else [], of_other)
    for box, names in (("enable_block_weights", BLOCKS), ("enable_base_weight", BASES)):
        if box not in ledger.given:
            continue
        if not is_on(ledger.given[box]):
            ledger.leave_all(names, OFF)
        ledger.leave(box, phrase("import_box", "its fields say it themselves") if is_on(ledger.given[box]) else OFF)
    for name in BASES:
        if name in ledger.open() and isinstance(ledger.given[name], str) and not is_empty(ledger.given[name]):
            ledger.say(name, name, [line.strip() for line in ledger.given[name].splitlines() if line.strip()])
    if ledger.has("network_args_custom"):
        say_arguments(ledger, {"network_args_custom": ""})


def _say_optimizer(ledger: Ledger) -> None:
    """The arguments of the optimizer: a list, the user's own, and Prodigy's two."""
    words: dict[str, list[str]] = {}
    for key in ("optimizer_args", "optimizer_args_custom"):
        if ledger.has(key):
            try:
                words[key] = words_in(ledger.given[key])
            except ValueError:
                ledger.puzzle(key, ledger.given[key], phrase("a_list_of_words", "a list of key=value pairs"))
    prodigy = str(ledger.given.get("optimizer_type") or "").strip().lower().startswith("prodigy")
    for key, argument in (("prodigy_d0", "d0"), ("prodigy_d_coef", "d_coef")):
        said = any(word.startswith(f"{argument}=") for listed in words.values() for word in listed)
        if prodigy and ledger.has(key) and not said:
            words[key] = [f"{argument}={ledger.given[key]}"]
        elif key in ledger.given:
            before = overruled("optimizer_args")
            ledger.leave(key, before if said else OFF)
    if not words:
        return
    first, *others = words
    together = list(dict.fromkeys(word for listed in words.values() for word in listed))
    ledger.say(first, "optimizer_args", together)
    for key in others:
        ledger.share(key, "optimizer_args")


def _say_preview(ledger: Ledger) -> None:
    """Sample pictures: off unless asked for, and one prompt of several fields."""
    names = ("sample_prompts", "sample_sampler", "sample_every_n_epochs", "positive_prompts", "prompt_file", *PROMPT)
    nothing_like_it = phrase("import_nothing_like_it", "there is nothing like it here")
    ledger.leave_all(("randomly_choice_prompt",), nothing_like_it)
    if "enable_preview" in ledger.given:
        on = is_on(ledger.given["enable_preview"])
        ledger.leave("enable_preview", phrase("import_box", "its fields say it themselves") if on else OFF)
        if not on:
            ledger.leave_all(names, OFF)
            return
    sources = ("sample_prompts", "prompt_file", "positive_prompts")
    first = next((name for name in sources if ledger.has(name)), "")
    others = [name for name in (*sources, *(() if first == "positive_prompts" else PROMPT)) if name != first]
    if first:
        ledger.leave_all(others, overruled(first))
    if first == "prompt_file":
        ledger.say(first, "sample_prompts", ledger.given[first])
    if first != "positive_prompts":
        return
    parts = [f"--{flag} {ledger.given[key]}" for key, flag in PROMPT.items() if ledger.has(key)]
    line = " ".join(" ".join([str(ledger.given["positive_prompts"]), *parts]).split())
    ledger.say("positive_prompts", "sample_prompts", line)
    for key in PROMPT:
        if key in ledger.given:
            ledger.share(key, "sample_prompts")


def refuse_empty_script(script: Script, path: Path) -> None:
    """Raise `UserError` for a script that starts no trainer and has none of the variables that are known."""
    known = {*RENAMED, *OF_LYCORIS, "train_data_dir", "network_dim", "resolution", "output_name"}
    if not script.flags and len(known & script.variables.keys()) < 2:
        raise UserError(
            problem(
                "import_no_script",
                "{path} starts no trainer that is known here. Choose a script that starts sd-scripts, such as "
                "lora-scripts' train.sh, or a file of settings.",
                path=str(path),
            )
        )
