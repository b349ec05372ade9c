"""Writing settings as a TOML file that sd-scripts' script for what is trained reads."""

from __future__ import annotations

from typing import Any

from train_core.config.interop.methods_export import Theirs, in_their_words
from train_core.config.interop.sd_scripts_networks import ARGUMENT_NAMES, RATES, network_in_their_words
from train_core.config.interop.sd_scripts_options import OPTIONS, SAMPLERS
from train_core.config.jobs.train import TrainConfig
from train_core.config.syntax.arguments import parse_numbers, separate
from train_core.config.syntax.stages import parse_stages
from train_core.config.tables import dump_tables

Values = dict[str, Any]
NETWORK_ARGUMENTS = ARGUMENT_NAMES | RATES
# What training a LoRA takes there: the option is another script's.
ANOTHER_SCRIPTS = frozenset({"stop_text_encoder_training"})
TAKEN = frozenset(OPTIONS) - ANOTHER_SCRIPTS - NETWORK_ARGUMENTS
# Settings that are written as something else, see `_in_their_words`, or that are not about the training itself.
REWORDED = frozenset({
    "LoRA_type", "metadata_depth", "full_half", "base_precision", "base_precision_parts", "lr_stages",
    "max_token_length",
})  # fmt: skip
OF_THIS_PROGRAM = frozenset({
    "find_rate_steps", "save_card", "preferred_weight", "number_last", "save_state_every_n_steps", "training_method",
})  # fmt: skip
# Zero or the first choice means "off" here, and the absence of the key there.
OFF_WHEN_ZERO = frozenset({
    "save_n_epoch_ratio", "save_last_n_epochs", "save_last_n_steps", "save_last_n_epochs_state",
    "save_last_n_steps_state", "validation_split", "max_validation_steps", "min_snr_gamma", "noise_offset",
    "network_dropout", "scale_weight_norms", "adaptive_noise_scale", "multires_noise_iterations",
    "ip_noise_gamma", "v_pred_like_loss",
})  # fmt: skip
# What only its scripts for networks have.
OF_NETWORKS = frozenset({
    "validation_split", "validation_seed", "validate_every_n_steps", "validate_every_n_epochs",
    "max_validation_steps", "training_comment", "metadata_depth",
})  # fmt: skip
INTERVALS = ("max_train_", "save_every_", "sample_every_", "validate_every_")


def export_toml(config: TrainConfig, family: str = "") -> str:
    """The settings as sd-scripts' TOML text: its names, its `network_args`, and no key that it lacks.

    A comment at the top says which script it is for, where a base model of `family` is not trained by an adapter, and
    what it cannot do. Raises `UserError` for what it does not train.
    """
    values = {name: value for name, value in config.applicable().items() if _says_something(name, value)}
    if config.method.training_method != "LoRA":
        return _of_other_method(config, values, in_their_words(config, family))
    network, said = network_in_their_words(values, {s.name: s.default for s in config.settings()})
    tables = _tables(values | _in_their_words(values))
    tables["network"] |= network
    return _text(_lost(config, values, said), tables)


def _of_other_method(config: TrainConfig, values: Values, theirs: Theirs) -> str:
    """The text for the script that trains whole models or new words."""
    common = {name: value for name, value in values.items() if name not in theirs.said | OF_NETWORKS}
    tables = _tables(common | _in_their_words(common))
    tables["optimizer"] |= theirs.options
    lost = [(name, values[name]) for name in theirs.lost]
    defaults = {s.name: s.default for s in config.settings()}
    lost += [(name, values[name]) for name in sorted(OF_NETWORKS & values.keys()) if values[name] != defaults[name]]
    lost += [one for one in _lost(config, values, set(theirs.said)) if one[0] not in theirs.lost]
    return f"# For sd-scripts' {theirs.script}.py.\n" + _text(lost, tables)


def _text(lost: list[tuple[str, Any]], tables: dict[str, Values]) -> str:
    comments = "".join(f"# sd-scripts has nothing like {name} = {value!r}.\n" for name, value in lost)
    return comments + dump_tables({key: table for key, table in tables.items() if table})


def _says_something(name: str, value: Any) -> bool:
    off = value == 0 and (name.startswith(INTERVALS) or name in OFF_WHEN_ZERO)
    return value not in (None, "", []) and not off


def _lost(config: TrainConfig, values: Values, said: set[str]) -> list[tuple[str, Any]]:
    """The settings that shape the training, are not at their defaults, and cannot be expressed there.

    `said` are those that stand in the network's arguments.
    """
    silent = TAKEN | REWORDED | OF_THIS_PROGRAM | said | {s.name for s in config.settings() if s.section == "launch"}
    defaults = {s.name: s.default for s in config.settings()}
    lost = [(name, value) for name, value in values.items() if name not in silent and value != defaults[name]]
    if values.get("base_precision") in ("int8", "nf4"):
        lost.append(("base_precision", values["base_precision"]))
    if values.get("metadata_depth") == "no names":
        lost.append(("metadata_depth", "no names"))
    if "sample_sampler" in values and values["sample_sampler"] not in SAMPLERS:
        lost.append(("sample_sampler", values["sample_sampler"]))
    if "base_weights_multiplier" in values and _plain_numbers(values["base_weights_multiplier"]) is None:
        lost.append(("base_weights_multiplier", values["base_weights_multiplier"]))
    if "LyCORIS_preset" in said and values["LyCORIS_preset"] == "auto" and values.get("conv_dim"):
        lost.append(("LyCORIS_preset", "auto"))
    return lost


def _in_their_words(values: Values) -> Values:
    """Value in sd-scripts' form; None for what is expressed by leaving it out."""
    theirs: Values = {
        "sdpa": True, "no_metadata": values.get("metadata_depth") == "minimal" or None,
        "max_token_length": values.get("max_token_length") if values.get("max_token_length") != 75 else None,
        "v_parameterization": True if values.get("v_parameterization") == "v" else None,
        "resize_interpolation": values.get("resize_interpolation") if values.get("resize_interpolation") != "auto"
        else None,
        f"full_{values.get('mixed_precision')}": values.get("full_half") or None,
        "fp8_base" if values.get("base_precision_parts") == "all" else "fp8_base_unet":
            values.get("base_precision") == "fp8" or None,
        "torch_compile": values.get("dynamo_backend") != "no" or None,
        "dynamo_backend": values["dynamo_backend"] if values.get("dynamo_backend") != "no" else None,
        "sample_sampler": values["sample_sampler"] if values.get("sample_sampler") in SAMPLERS else None,
        **_schedule(values),
    }  # fmt: skip
    if values.get("class_folders"):
        theirs["dataset_repeats"] = None  # there, folders without numbers are left out
    for name in ("lr_warmup_steps", "lr_decay_steps"):
        if name in values:
            theirs[name] = _steps(values[name])
    if "base_weights_multiplier" in values:
        theirs["base_weights_multiplier"] = _plain_numbers(values["base_weights_multiplier"])
    for name in ("optimizer_args", "lr_scheduler_args"):
        if name in values and name not in theirs:
            theirs[name] = separate(values[name])  # one argument each, or they are not understood there
    if "text_encoder_lr" in values:
        theirs["text_encoder_lr"] = parse_numbers(values["text_encoder_lr"])
    return theirs


def _plain_numbers(texts: list[str]) -> list[float] | None:
    """The strengths as numbers; None where one of them differs by block, which has no form there."""
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None


def _schedule(values: Values) -> Values:
    """Stages as the step rules of piecewise_constant, which are factors; it has none that wait for someone to press."""
    if not values.get("lr_stages"):
        return {}
    base = values["learning_rate"] if values["lr_scheduler"] == "staged" else 1.0
    stages = parse_stages(values["lr_stages"], "lr_stages")
    pressed = next((place for place, stage in enumerate(stages) if stage.press), len(stages))
    rules = ",".join(
        f"{stage.value / base}" + (f":{stage.until}" if stage.until is not None else "")
        for stage in stages[: pressed + 1]
    )
    return {"lr_scheduler": "piecewise_constant", "lr_scheduler_args": [f"step_rules={rules}"]}


def _steps(text: str) -> int | float:
    """Steps as a whole number, a share as a fraction."""
    text = text.strip()
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return float(text) if "." in text else int(text)


def _tables(values: Values) -> dict[str, Values]:
    """`values` in tables like ours."""
    places = {s.name: s.section for s in TrainConfig.settings() if s.section != "launch"}
    tables: dict[str, Values] = {key: {} for key in TrainConfig.sections() if key != "launch"}
    for name, value in values.items():
        if value is not None and name in TAKEN:
            tables[places.get(name, "memory")][name] = value
    if "sample_prompts" not in values:
        tables["samples"] = {}
    return tables
