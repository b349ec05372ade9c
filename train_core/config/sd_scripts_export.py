"""Writing settings as a TOML file that sd-scripts' train_network.py reads."""

from __future__ import annotations

from typing import Any

from train_core.config.arguments import parse_numbers
from train_core.config.files import dump_tables
from train_core.config.sections.rates import RateSettings
from train_core.config.stages import parse_stages
from train_core.config.train import TrainConfig

# Settings that sd-scripts spells differently or takes on accelerate's command line.
NETWORK_ARGUMENTS = ("conv_dim", "conv_alpha", "rank_dropout", "module_dropout", *RateSettings.model_fields)

# For these models sd-scripts draws all noise levels alike.
TIMESTEP_SAMPLING = ("timestep_sampling", "sigmoid_scale", "logit_mean", "logit_std")

# Settings of the validation that sd-scripts lacks.
OURS_ALONE = ("validation_data_dir", "early_stop_patience", "on_divergence")


def export_toml(config: TrainConfig) -> str:
    """The settings as sd-scripts' TOML text: its names, its `network_args`, and no key that it lacks."""
    return dump_tables({key: table for key, table in _tables(config).items() if table})


def _tables(config: TrainConfig) -> dict[str, dict[str, Any]]:
    values = {name: value for name, value in config.applicable().items() if _says_something(name, value)}
    tables: dict[str, dict[str, Any]] = {
        key: {name: values[name] for name in section.model_fields if name in values}
        for key, section in TrainConfig.sections().items()
        if key != "launch"
    }
    tables["network"] = _network(tables["network"] | tables.pop("rates"))
    for name in OURS_ALONE:
        tables["validation"].pop(name, None)
    _schedule(tables["optimizer"])
    for name in ("number_last", "save_state_every_n_steps"):
        for table in tables.values():
            table.pop(name, None)
    tables["model"]["sdpa"] = True
    if tables["dataset"].pop("class_folders", False):
        del tables["dataset"]["dataset_repeats"]  # there, folders without numbers are left out
    if values.get("max_token_length") == 75:
        del tables["model"]["max_token_length"]  # there, 75 is said by leaving it out
    if not values.get("sample_prompts"):
        tables["samples"] = {}
    tables["loss"] = {name: value for name, value in tables["loss"].items() if name not in TIMESTEP_SAMPLING}
    if "lr_warmup_steps" in tables["optimizer"]:
        tables["optimizer"]["lr_warmup_steps"] = _warmup(values["lr_warmup_steps"])
    if tables["model"].pop("v_parameterization", None) == "v":
        tables["model"]["v_parameterization"] = True
    if values.get("resize_interpolation") == "auto":
        del tables["augmentation"]["resize_interpolation"]  # there, this is what leaving it out means
    if "text_encoder_lr" in tables["optimizer"]:
        tables["optimizer"]["text_encoder_lr"] = parse_numbers(values["text_encoder_lr"])
    return tables


def _says_something(name: str, value: Any) -> bool:
    """Empty values are left out, and so is the zero that means "off" where sd-scripts wants the key absent."""
    off_when_zero = name.startswith(("max_train_", "save_every_", "sample_every_", "validate_every_")) or name in {
        "save_n_epoch_ratio", "save_last_n_epochs", "save_last_n_steps", "save_last_n_epochs_state",
        "save_last_n_steps_state", "validation_split", "max_validation_steps",
        "min_snr_gamma", "noise_offset", "network_dropout", "rank_dropout", "module_dropout", "adaptive_noise_scale",
        "multires_noise_iterations", "ip_noise_gamma", "v_pred_like_loss",
    }
    return value not in (None, "", []) and not (off_when_zero and value == 0)


def _network(table: dict[str, Any]) -> dict[str, Any]:
    arguments = [f"{name}={table[name]}" for name in NETWORK_ARGUMENTS if name in table]
    kept = {name: value for name, value in table.items() if name not in (*NETWORK_ARGUMENTS, "LoRA_type")}
    return {"network_module": "networks.lora", **kept, **({"network_args": arguments} if arguments else {})}


def _schedule(table: dict[str, Any]) -> None:
    """Stages as the step rules of piecewise_constant, which are factors, and without what sd-scripts lacks."""
    for name in ("ema_decay", "find_rate_steps"):
        table.pop(name, None)
    if "lr_decay_steps" in table:
        table["lr_decay_steps"] = _warmup(table["lr_decay_steps"])
    stages = table.pop("lr_stages", "")
    if not stages:
        return
    base = table["learning_rate"] if table["lr_scheduler"] == "staged" else 1.0
    rules = ",".join(
        f"{stage.value / base}" + (f":{stage.until}" if stage.until is not None else "")
        for stage in parse_stages(stages, "lr_stages")
    )
    table |= {"lr_scheduler": "piecewise_constant", "lr_scheduler_args": [f"step_rules={rules}"]}


def _warmup(text: str) -> int | float:
    """Steps as a whole number, a share as a fraction."""
    text = text.strip()
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return float(text) if "." in text else int(text)
