"""Writing settings as a JSON preset of kohya_ss's tab for what is trained, for people who go back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from train_core.config.interop.imports.command_line import flags_in, words_of
from train_core.config.interop.imports.kohya_fields import BOXES, DEFAULTS, OF_FAMILIES, defaults_of
from train_core.config.interop.imports.kohya_methods import TABS
from train_core.config.interop.imports.kohya_ss import PROGRAM, RENAMED, from_kohya_ss
from train_core.config.interop.kept import Kept
from train_core.config.interop.lora_types import LYCORIS, OF_ALGO, OF_KOHYA_SS
from train_core.config.interop.methods_export import BLOCKS, in_their_words, refuse_hypernetwork
from train_core.config.interop.sd_scripts_networks import ARGUMENT_NAMES, RATES, network_in_their_words
from train_core.config.interop.sd_scripts_options import OPTIONS, SAMPLERS
from train_core.config.jobs.train import TrainConfig
from train_core.config.syntax.arguments import parse_numbers, separate

Values = dict[str, Any]

NOTHING = Kept()
FULL = 100000  # the rank by which LyCORIS's users ask for the whole matrix
PLAIN_TYPES = {"networks.lora": "Standard", "networks.dylora": "Kohya DyLoRA", "networks.lora_fa": "LoRA-FA"}
FIELDS_OF_ARGUMENTS = {"preset": "LyCORIS_preset", "block_size": "unit", "constraint": "constrain"}
LISTS = ("optimizer_args", "lr_scheduler_args")
NETWORK = ARGUMENT_NAMES | RATES | {"LoRA_type"}
# Settings that are said by other fields, see `_length` and what follows it.
REWORDED = frozenset({
    "resolution", "optimizer_type", "max_train_epochs", "max_train_steps", "lr_warmup_steps", "unet_lr",
    "text_encoder_lr", "network_train_unet_only", "network_train_text_encoder_only", "stop_text_encoder_training",
    "v_parameterization", "full_half", "base_precision", "base_precision_parts", "attention", "no_half_vae",
    "cache_text_encoder_outputs", "metadata_depth", *LISTS,
}) | NETWORK  # fmt: skip


def export_kohya_ss(config: TrainConfig, kept: Kept = NOTHING, family: str = "") -> str:
    """The settings as kohya_ss writes them: all fields of its tab for what is trained, sorted, as JSON.

    A field of `kept`, the preset that the settings were imported from, stays as it was unless they were changed since.
    `family` is the kind of the base model, where it is known. Raises `UserError` for a hypernetwork.
    """
    refuse_hypernetwork(config)
    now = _words(config, family)
    if family:
        now |= {box: family == kind for box, kind in BOXES.items() if box in DEFAULTS}
    written = {**defaults_of(_tab(config)), **now}
    if kept.program == PROGRAM:
        written |= _unchanged(kept.values, now, family)
    return json.dumps(dict(sorted(written.items())), indent=2, ensure_ascii=False) + "\n"


def lost_in_kohya_ss(config: TrainConfig, family: str = "") -> list[str]:
    """The settings that are not at their defaults and have no field and no flag there, for a model of `family`."""
    if config.method.training_method not in ("LoRA", "hypernetwork"):
        return _lost_of_other_tabs(config, family)
    applicable = config.applicable()
    defaults = {s.name: s.default for s in config.settings()}
    silent = REWORDED | {*OPTIONS, *DEFAULTS}
    lost = [
        name for name, value in applicable.items()
        if value != defaults[name] and name not in silent
    ]
    _, said = network_in_their_words(applicable, defaults)
    no_field = {"rs_lora", "wd_on_output"}
    return [*lost, *(name for name in said & no_field if applicable[name]), *_lost_sampler(config)]


def _lost_sampler(config: TrainConfig) -> list[str]:
    """The setting of the sampler, where it is one that is not offered there."""
    return [] if config.samples.sample_sampler in SAMPLERS else ["sample_sampler"]


def _tab(config: TrainConfig) -> str:
    """The tab there for what is trained."""
    return next((tab for tab, method in TABS.items() if method == config.method.training_method), "LoRA")


def _lost_of_other_tabs(config: TrainConfig, family: str) -> list[str]:
    """The same of what is no adapter."""
    theirs, defaults = in_their_words(config, family), {s.name: s.default for s in config.settings()}
    silent = REWORDED | {*OPTIONS, *DEFAULTS, "training_method"} | theirs.said
    silent |= {s.name for s in config.settings() if s.section == "launch"}
    others = [
        name for name, value in config.applicable().items() if value != defaults[name] and name not in silent
    ]
    ends = ("stop_text_encoder_training",)  # a field of percents there
    no_field = [name for name in BLOCKS if "block_lr" in theirs.options and _tab(config) != "Finetuning"]
    return [*(name for name in (*theirs.lost, *no_field) if name not in ends), *others, *_lost_sampler(config)]


def _of_tab(config: TrainConfig, family: str) -> Values:
    """The fields that only the tab of whole models or new words has."""
    theirs, tab = in_their_words(config, family), _tab(config)
    options, fields = dict(theirs.options), defaults_of(tab)
    for flag, name in (("use_object_template", "object template"), ("use_style_template", "style template")):
        if options.pop(flag, False):
            options["template"] = name
    trains_text = not config.network.network_train_unet_only
    if tab != "Textual inversion":
        if not trains_text:
            options |= dict.fromkeys(("learning_rate_te", "learning_rate_te1", "learning_rate_te2"), 0)
        options["train_text_encoder"] = trains_text
        percent, _ = _share(config.optimizer.stop_text_encoder_training)
        options["stop_text_encoder_training"] = percent
    if options.get("save_model_as") == "pt":
        options["save_model_as"] = "ckpt"
    found = {name: value for name, value in options.items() if name in fields}
    return found | (_metadata_file(config) if tab == "Finetuning" else {})


def _metadata_file(config: TrainConfig) -> Values:
    """The images of the Finetuning tab, and the metadata file that they are in."""
    place = PurePath(config.dataset.in_json)
    found: Values = {"image_folder": config.dataset.train_data_dir}
    if config.dataset.in_json:
        found |= {"train_dir": str(place.parent), "use_latent_files": "No", "caption_metadata_filename": place.name}
    return found


def _unchanged(kept: Mapping[str, Any], now: Values, family: str) -> Values:
    """The fields of the preset whose meaning is still the same, as they were; flags that mean nothing here stay too."""
    before = _words(from_kohya_ss(kept).config(), family)
    same = {name: value for name, value in kept.items() if now.get(name) == before.get(name)}
    flags = "additional_parameters"
    if flags in kept and flags not in same:
        given, _ = flags_in(words_of(str(kept[flags])))
        unknown = {name: value for name, value in given.items() if name not in OPTIONS}
        same[flags] = " ".join([*_flags(unknown), *str(now.get(flags, "")).split()])
    return same


def _words(config: TrainConfig, family: str) -> Values:
    """The settings by the names of kohya_ss's fields, as far as they apply."""
    applicable, fields = config.applicable(), defaults_of(_tab(config))
    plain = {
        name: value for name, value in applicable.items()
        if name in fields and name not in REWORDED and name not in OF_FAMILIES and value is not None
    }
    if _lost_sampler(config):
        plain.pop("sample_sampler", None)
    is_adapter = _tab(config) == "LoRA"
    own = {**_rates(config), **_network(config, applicable)} if is_adapter else _of_tab(config, family)
    words = {
        **plain, **_length(config), **_warm_up(config), **_precision(config), **_other(config, applicable), **own,
    }  # fmt: skip
    return words | {"additional_parameters": " ".join(_flags(_without_fields(config, applicable)))}


def _length(config: TrainConfig) -> Values:
    training = config.training
    if training.max_train_epochs:
        return {"epoch": training.max_train_epochs, "max_train_epochs": training.max_train_epochs, "max_train_steps": 0}
    return {"max_train_epochs": 0, "max_train_steps": training.max_train_steps}


def _warm_up(config: TrainConfig) -> Values:
    percent, steps = _share(config.optimizer.lr_warmup_steps)
    return {"lr_warmup": percent, "lr_warmup_steps": steps}


def _share(text: str) -> tuple[int | float, int]:
    """A share of the run in percent, and a number of steps; one of them is 0."""
    text = text.strip() or "0"
    if text.endswith("%") or "." in text:
        number = float(text[:-1]) if text.endswith("%") else 100 * float(text)
        return (int(number) if number == int(number) else number), 0
    return 0, int(text)


def _rates(config: TrainConfig) -> Values:
    """A part that is not trained has the rate 0."""
    optimizer, network = config.optimizer, config.network
    of_text = parse_numbers(optimizer.text_encoder_lr) or [optimizer.learning_rate]
    unet = optimizer.learning_rate if optimizer.unet_lr is None else optimizer.unet_lr
    percent, _ = _share(optimizer.stop_text_encoder_training)
    return {
        "unet_lr": 0 if network.network_train_text_encoder_only else unet,
        "text_encoder_lr": 0 if network.network_train_unet_only else of_text[0],
        "stop_text_encoder_training": percent,
    }


def _network(config: TrainConfig, applicable: Values) -> Values:
    """The type of LoRA, and the fields that its arguments are there."""
    table, _ = network_in_their_words(applicable, {s.name: s.default for s in config.settings()})
    arguments = dict(word.split("=", 1) for word in table.get("network_args", []))
    algo = arguments.pop("algo", "")
    kind = PLAIN_TYPES.get(table["network_module"], "")
    if table["network_module"] == LYCORIS:
        ours = OF_ALGO[algo]
        kind = next(name for name, own in OF_KOHYA_SS.items() if name.startswith("LyCORIS/") and own.lora_type == ours)
    elif kind == "Standard" and config.network.conv_dim:
        kind = "Kohya LoCon"
    fields = {FIELDS_OF_ARGUMENTS.get(name, name): text for name, text in arguments.items()}
    words = {name: _as_default(name, text) for name, text in fields.items() if name in DEFAULTS}
    if applicable.get("full_matrix"):
        words |= {"network_dim": FULL} | ({"conv_dim": FULL} if config.network.conv_dim else {})
    elif table["network_module"] == LYCORIS and not config.network.conv_dim:
        words["conv_dim"] = 0
    return {**words, "LoRA_type": kind}


def _as_default(name: str, text: str) -> Any:
    """`text` as the type that the field has there."""
    default = DEFAULTS[name]
    if isinstance(default, bool):
        return text == "True"
    if isinstance(default, int | float):
        number = float(text)
        return int(number) if number == int(number) else number
    return text


def _precision(config: TrainConfig) -> Values:
    memory, precision = config.memory, config.training.mixed_precision
    return {
        "full_fp16": memory.full_half and precision == "fp16", "full_bf16": memory.full_half and precision == "bf16",
        "fp8_base": memory.base_precision == "fp8",
        "xformers": "xformers" if memory.attention == "xformers" else "sdpa",
    }  # fmt: skip


def _other(config: TrainConfig, applicable: Values) -> Values:
    return {
        "max_resolution": config.dataset.resolution, "optimizer": config.optimizer.optimizer_type,
        **{theirs: applicable[ours] for theirs, ours in RENAMED.items() if ours in applicable and theirs in DEFAULTS},
        "v_parameterization": config.model.v_parameterization == "v",
        "noise_offset_type": "Multires" if config.loss.multires_noise_iterations else "Original",
        **{name: " ".join(word.replace(" ", "") for word in separate(applicable.get(name, []))) for name in LISTS},
    }  # fmt: skip


def _without_fields(config: TrainConfig, applicable: Values) -> Values:
    """The settings that have no field, but a flag of the trainer."""
    defaults, fields = {s.name: s.default for s in config.settings()}, defaults_of(_tab(config))
    is_adapter = _tab(config) == "LoRA"
    said = REWORDED if is_adapter else REWORDED | in_their_words(config, "").said
    flags = {
        name: value for name, value in applicable.items()
        if name in OPTIONS and (name not in fields or name in OF_FAMILIES) and name not in said
        and value != defaults[name] and value not in (None, "", [])
    }
    return flags | ({"no_metadata": True} if is_adapter and config.output.metadata_depth == "minimal" else {})


def _flags(values: Mapping[str, Any]) -> list[str]:
    """Flags of a command line that is cut at blanks, so that values with blanks are not written."""
    words = []
    for name, value in values.items():
        texts = [str(item) for item in (value if isinstance(value, list) else [value])]
        if value is True:
            words.append(f"--{name}")
        elif value is not False and not any(" " in text for text in texts):
            words.append(f"--{name}={texts[0]}" if len(texts) == 1 else " ".join([f"--{name}", *texts]))
    return words
