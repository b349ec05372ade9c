"""Reading the TOML of sd-scripts: its aliases and booleans, unsupported options, and defaults that differ."""

from __future__ import annotations

from typing import Any

from train_core.config.conditions import AllOf, Condition
from train_core.config.interop.aliases import in_our_words
from train_core.config.interop.sd_scripts_methods import (
    OPTIONS,
    asks,
    blocks_in_our_words,
    file_kind,
    method_of,
    of_whole_model,
)
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import Problem, problem
from train_core.config.sections.method import WHOLE

Values = dict[str, Any]

# What sd-scripts does when these are not in the file, where Crucible does something else.
DIFFERENT_DEFAULTS: Values = {
    "caption_extension": ".caption", "max_train_steps": 1600, "learning_rate": 2e-6, "enable_bucket": False,
    "bucket_no_upscale": False, "max_bucket_reso": 1024, "cache_latents": False, "network_dim": 4, "network_alpha": 1.0,
    "mixed_precision": "no", "optimizer_type": "AdamW", "lr_scheduler": "constant", "sample_sampler": "ddim",
    "save_precision": "float", "max_data_loader_n_workers": 8, "seed": phrase("random_seed", "a random one"),
    "no_half_vae": False, "wd_on_output": phrase("on_since_lycoris", "True, since LyCORIS 3.2"),
    "num_vectors_per_token": "1",
}

# Augmentations that give each draw pixels of its own, which latents cached once cannot have.
NEED_FRESH_PIXELS = ("random_crop", "color_aug", "face_crop_aug_range")


def from_sd_scripts(values: Values, source: str) -> tuple[Values, tuple[Problem, ...]]:
    """`values` in our names, and a warning for each option dropped and for all defaults that differ.

    Raises `UserError` for a network module that this version cannot train, and for rates of blocks that mean none here.
    """
    ours, warnings = in_our_words(_of_the_method(with_what_is_left_out(values), source), lambda name: source)
    return ours, (*warnings, *odd_blocks(ours, source), *_defaults(ours, source))


def with_what_is_left_out(values: Values) -> Values:
    """`values` with what they mean there by what they leave out, or beside one another."""
    ours = dict(values)
    method = method_of(ours)
    if method != "LoRA":
        ours["training_method"] = method
        if method != "hypernetwork":
            ours["save_model_as"] = file_kind(ours, method)[0]
    elif not ours.get("network_module") and not ours.get("LoRA_type"):
        ours["network_module"] = "networks.lora"
    if ours.get("optimizer_type") == "":
        ours["optimizer_type"] = "AdamW"
    until = ours.get("stop_text_encoder_training")
    if isinstance(until, int) and until <= 0:
        del ours["stop_text_encoder_training"]  # 0 is off
        if until < 0:
            ours["network_train_unet_only"] = True  # as it says there
    if ours.get("cache_text_encoder_outputs_to_disk"):
        ours["cache_text_encoder_outputs"] = True  # as it says there
    if any(ours.get(name) for name in NEED_FRESH_PIXELS):
        ours.setdefault("cache_latents", False)  # off there unless asked for, and impossible together
    if not ours.get("torch_compile"):
        ours.pop("dynamo_backend", None)  # it means nothing there without the flag
    if ours.get("max_train_epochs"):
        ours["max_train_steps"] = 0  # there, epochs replace the steps
    elif ours.get("max_train_steps"):
        ours["max_train_epochs"] = 0
    return ours


def _of_the_method(values: Values, source: str) -> Values:
    """`values` with what the options of whole models mean, where one is trained."""
    method = method_of(values)
    if method not in WHOLE:
        return values
    ours = {name: value for name, value in values.items() if name not in OPTIONS}
    meant = of_whole_model(values, method).values()
    if asks(values.get("block_lr")):
        meant |= blocks_in_our_words(str(values["block_lr"]), source)
    return {**meant, **ours}


def odd_blocks(ours: Values, source: str) -> list[Problem]:
    """A warning about ranks by block, which choose other layers there."""
    if not ours.get("block_dims") or ours.get("conv_dim") or ours.get("conv_block_dims"):
        return []
    return [
        problem(
            "block_dims_train_more_there",
            "block_dims in {source}: in sd-scripts, block_dims without conv_dim also trains the linear layers and 1x1 "
            "convolutions of the residual blocks (28 more layers on SDXL, 36 on SD 1.x and 2.x). Here it does not. To "
            "train them as well, set conv_block_dims to a 0 for each block.",
            source=source,
        )
    ]


def _defaults(ours: Values, source: str) -> list[Problem]:
    """A warning about the settings left out whose defaults differ between the two programs."""
    method = str(ours.get("training_method") or "LoRA")
    defaults = {s.name: s.default for s in TrainConfig.settings() if _is_for(s.applies_to, method)}
    if ours.get("max_train_epochs"):
        defaults.pop("max_train_steps")
    if not ours.get("dora_wd"):
        defaults.pop("wd_on_output", None)
    if not ours.get("enable_bucket", True):
        defaults = {name: value for name, value in defaults.items() if not name.startswith(("bucket_", "max_bucket"))}
    differing = [
        phrase(
            "default_differs", "{name}: {theirs} there, {ours} here", name=name,
            theirs=theirs if isinstance(theirs, Phrase) else repr(theirs), ours=_in_words(name, defaults),
        )
        for name, theirs in DIFFERENT_DEFAULTS.items()
        if name in defaults and ours.get(name) is None
    ]
    if not differing:
        return []
    return [
        problem(
            "sd_scripts_defaults_differ",
            "{count} settings are not in {source} and are something else in sd-scripts by default; set those that "
            "matter to you: {settings}",
            count=len(differing), source=source, settings=joined("semicolon", differing),
        )
    ]


def _is_for(condition: Condition, method: str) -> bool:
    """Whether `method` meets what `condition` says about methods."""
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    return all(part.holds({"training_method": method}) for part in parts if part.settings == {"training_method"})


def _in_words(name: str, defaults: Values) -> str:
    if name == "max_train_steps":
        return f"max_train_epochs = {defaults['max_train_epochs']}"
    return repr(defaults[name])
