"""Reading the TOML of sd-scripts: its aliases and booleans, unsupported options, and defaults that differ."""

from __future__ import annotations

from typing import Any

from train_core.config.interop.aliases import in_our_words
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import Problem, problem

Values = dict[str, Any]

# What sd-scripts does when these are not in the file, where Crucible does something else.
DIFFERENT_DEFAULTS: Values = {
    "caption_extension": ".caption", "max_train_steps": 1600, "learning_rate": 2e-6, "enable_bucket": False,
    "bucket_no_upscale": False, "max_bucket_reso": 1024, "cache_latents": False, "network_dim": 4, "network_alpha": 1.0,
    "mixed_precision": "no", "optimizer_type": "AdamW", "lr_scheduler": "constant", "sample_sampler": "ddim",
    "save_precision": "float", "max_data_loader_n_workers": 8, "seed": phrase("random_seed", "a random one"),
    "no_half_vae": False, "wd_on_output": phrase("on_since_lycoris", "True, since LyCORIS 3.2"),
}

# Augmentations that give each draw pixels of its own, which latents cached once cannot have.
NEED_FRESH_PIXELS = ("random_crop", "color_aug", "face_crop_aug_range")


def from_sd_scripts(values: Values, source: str) -> tuple[Values, tuple[Problem, ...]]:
    """`values` in our names, and a warning for each option dropped and for all defaults that differ.

    Raises `UserError` for a network module that this version cannot train.
    """
    ours, warnings = in_our_words(with_what_is_left_out(values), lambda name: source)
    return ours, (*warnings, *odd_blocks(ours, source), *_defaults(ours, source))


def with_what_is_left_out(values: Values) -> Values:
    """`values` with what they mean there by what they leave out, or beside one another."""
    ours = dict(values)
    if not ours.get("network_module") and not ours.get("LoRA_type"):
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
    defaults = {s.name: s.default for s in TrainConfig.settings()}
    if ours.get("max_train_epochs"):
        defaults.pop("max_train_steps")
    if not ours.get("dora_wd"):
        defaults.pop("wd_on_output")
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


def _in_words(name: str, defaults: Values) -> str:
    if name == "max_train_steps":
        return f"max_train_epochs = {defaults['max_train_epochs']}"
    return repr(defaults[name])
