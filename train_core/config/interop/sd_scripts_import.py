"""Reading the TOML of sd-scripts: its aliases and booleans, unsupported options, and defaults that differ."""

from __future__ import annotations

from typing import Any

from train_core.config.interop.aliases import in_our_words
from train_core.config.interop.sd_scripts_networks import network_in_our_words
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.arguments import parse_arguments

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

# Options that are not followed on purpose, with the reason.
NOT_FOLLOWED = {
    "deepspeed": phrase(
        "refused_deepspeed",
        "its training engine can be neither resumed exactly nor checked; use FSDP through accelerate_config",
    ),
    "no_token_padding": phrase(
        "refused_no_padding",
        "base models were trained on captions padded to full length, and no trainer uses this option any more",
    ),
    "dataset_class": phrase(
        "refused_dataset_class",
        "images come from folders, metadata files or dataset files, so that their order and resuming are exact",
    ),
}

# Options that only shape one of the above; they mean nothing by themselves.
COMPANIONS = frozenset({
    "zero_stage", "offload_optimizer_device",
    "offload_optimizer_nvme_path", "offload_param_device", "offload_param_nvme_path", "zero3_init_flag",
    "zero3_save_16bit_model", "fp16_master_weights_and_gradients", "noise_offset_type", "epoch",
})

# Options that shape other things than an adapter.
ANOTHER_METHOD = {
    name: method
    for method, names in {
        phrase("textual_inversion", "textual inversion"): (
            "token_string", "init_word", "num_vectors_per_token", "weights", "use_object_template",
            "use_style_template", "metadata_is_negative_embedding",
        ),
        phrase("whole_model", "training a whole model"): (
            "train_text_encoder", "learning_rate_te", "learning_rate_te1", "learning_rate_te2", "block_lr",
            "fused_optimizer_groups",
        ),
    }.items()
    for name in names
}

# Options that Crucible needs no counterpart for, with the reason.
UNNEEDED = {
    name: reason
    for reason, names in {
        phrase("unneeded_attention", "attention always uses PyTorch's fused kernels"): (
            "sdpa", "xformers", "mem_eff_attn", "diffusers_xformers",
        ),
        phrase("unneeded_logging", "every run is logged to its own run folder"): (
            "logging_dir", "log_with", "log_prefix", "log_tracker_name", "log_tracker_config", "wandb_run_name",
            "wandb_api_key", "console_log_level", "console_log_file", "console_log_simple",
        ),
        phrase("unneeded_log_config", "the settings of every run are kept with its curves and in its folder"): (
            "log_config",
        ),
        phrase("unneeded_upload", "nothing is uploaded"): (
            "huggingface_repo_id", "huggingface_repo_type", "huggingface_path_in_repo", "huggingface_token",
            "huggingface_repo_visibility", "save_state_to_huggingface", "resume_from_huggingface", "async_upload",
        ),
        phrase("unneeded_memory", "memory is managed automatically"): (
            "lowram", "highvram", "disable_mmap_load_safetensors",
        ),
        phrase("unneeded_cache_check", "caches are always checked, and quickly"): ("skip_cache_check", "cache_info"),
        phrase("unneeded_launcher", "the launcher sets it"): (
            "ddp_timeout", "ddp_gradient_as_bucket_view", "ddp_static_graph",
        ),
        phrase("unneeded_tokenizer", "the tokenizer ships with Crucible"): ("tokenizer_cache_dir",),
        phrase("unneeded_kind", "the kind of model is detected from its file"): ("v2", "train_inpainting"),
        phrase("unneeded_initial_step", "resuming continues at the exact step by itself"): (
            "skip_until_initial_step", "initial_epoch", "initial_step",
        ),
        phrase("unneeded_workers", "workers are always kept running"): ("persistent_data_loader_workers",),
        phrase("unneeded_debug", "the page shows what would be trained"): ("debug_dataset",),
        phrase("unneeded_this_file", "this is that file"): ("config_file", "output_config"),
    }.items()
    for name in names
}


def from_sd_scripts(values: Values, source: str) -> tuple[Values, tuple[Problem, ...]]:
    """`values` in our names, and a warning for each option dropped and each default that differs.

    Raises `UserError` for a network module that this version cannot train.
    """
    ours = _renamed(values)
    _schedule(ours, source)
    ours |= network_in_our_words(ours, source)
    warnings = _dropped(ours, source)
    known = {s.name for s in TrainConfig.settings()}
    foreign = UNNEEDED.keys() | NOT_FOLLOWED.keys() | ANOTHER_METHOD.keys() | COMPANIONS
    ours = in_our_words({name: value for name, value in ours.items() if name in known or name not in foreign})
    return ours, (*warnings, *_defaults(ours, source))


def _renamed(values: Values) -> Values:
    """Old aliases and forms in the names and forms of today."""
    ours = dict(values)
    if "caption_extention" in ours:
        ours.setdefault("caption_extension", ours.pop("caption_extention"))
    for flag, name in (("use_8bit_adam", "AdamW8bit"), ("use_lion_optimizer", "Lion")):
        if ours.pop(flag, False):
            ours["optimizer_type"] = ours.get("optimizer_type") or name
    if ours.get("optimizer_type") == "":
        ours["optimizer_type"] = "AdamW"
    if isinstance(ours.get("v_parameterization"), bool):
        # Off is what people leave it at: a model that says it is one of velocity is trained as such all the same.
        ours["v_parameterization"] = "v" if ours["v_parameterization"] else "auto"
    if isinstance(ours.get("stop_text_encoder_training"), int) and ours["stop_text_encoder_training"] < 0:
        del ours["stop_text_encoder_training"]
        ours["network_train_unet_only"] = True  # as it says there
    if ours.get("cache_text_encoder_outputs_to_disk"):
        ours["cache_text_encoder_outputs"] = True  # as it says there
    if any(ours.get(name) for name in NEED_FRESH_PIXELS):
        ours.setdefault("cache_latents", False)  # off there unless asked for, and impossible together
    _memory(ours)
    if ours.get("max_train_epochs"):
        ours["max_train_steps"] = 0  # there, epochs replace the steps
    elif ours.get("max_train_steps"):
        ours["max_train_epochs"] = 0
    return ours


def _memory(ours: Values) -> None:
    """Their flags about number formats and compiling as choices of ours."""
    if ours.pop("fp8_base_unet", False):
        ours |= {"base_precision": "fp8", "base_precision_parts": "unet"}
        ours.pop("fp8_base", None)
    if ours.pop("fp8_base", False):
        ours |= {"base_precision": "fp8", "base_precision_parts": "all"}
    for precision in ("fp16", "bf16"):
        if ours.pop(f"full_{precision}", False):
            ours |= {"full_half": True, "mixed_precision": precision}  # anything else is an error there
    if not ours.pop("torch_compile", False):
        ours.pop("dynamo_backend", None)  # it means nothing there without the flag
    else:
        ours.setdefault("dynamo_backend", "inductor")


def _schedule(ours: Values, source: str) -> None:
    """Their ways to write a schedule in ours. Raises `UserError` for one that is given as a class."""
    given = ours.pop("lr_scheduler_type", None)
    if given:
        raise UserError(
            problem(
                "lr_scheduler_type_refused",
                "lr_scheduler_type = {value} in {source} is not supported: a schedule given as a class can be neither "
                "plotted nor resumed exactly. Use lr_scheduler, for example staged with lr_stages.",
                value=repr(given), source=source,
            )
        )
    if str(ours.get("lr_scheduler", "")).startswith("adafactor:"):
        ours["lr_scheduler"] = "adafactor"  # what follows is only shown there
    arguments = parse_arguments(ours.get("lr_scheduler_args") or [], "lr_scheduler_args")
    for name, setting in (("step_rules", "lr_stages"), ("min_lr_rate", "lr_scheduler_min_lr_ratio")):
        if name in arguments:
            ours[setting] = arguments.pop(name)
            ours["lr_scheduler_args"] = [f"{key}={value}" for key, value in arguments.items()]


def _dropped(ours: Values, source: str) -> list[Problem]:
    dropped = []
    for name, value in ours.items():
        if name in UNNEEDED and value not in (None, "", False):
            dropped.append(
                problem(
                    "sd_scripts_unneeded",
                    "{name} in {source} is not needed here: {reason}.",
                    name=name, source=source, reason=UNNEEDED[name],
                )
            )
        elif name in NOT_FOLLOWED and value not in (None, "", False):
            dropped.append(
                problem(
                    "sd_scripts_refused",
                    "{name} in {source} is not supported: {reason}.",
                    name=name, source=source, reason=NOT_FOLLOWED[name],
                )
            )
        elif name in ANOTHER_METHOD and value not in (None, "", False):
            dropped.append(
                problem(
                    "sd_scripts_another_method",
                    "{name} in {source} is ignored: it is for {method}, and this trains an adapter.",
                    name=name, source=source, method=ANOTHER_METHOD[name],
                )
            )
    return dropped


def _defaults(ours: Values, source: str) -> list[Problem]:
    """A warning for each setting left out whose default differs between the two programs."""
    defaults = {s.name: s.default for s in TrainConfig.settings()}
    if ours.get("max_train_epochs"):
        defaults.pop("max_train_steps")
    if not ours.get("dora_wd"):
        defaults.pop("wd_on_output")
    if not ours.get("enable_bucket", True):
        defaults = {name: value for name, value in defaults.items() if not name.startswith(("bucket_", "max_bucket"))}
    return [
        problem(
            "sd_scripts_default_differs",
            "{name} is not set in {source}: sd-scripts would use {theirs}, Crucible uses {ours}. Set it to be sure.",
            name=name, source=source, theirs=theirs if isinstance(theirs, Phrase) else repr(theirs),
            ours=_in_words(name, defaults),
        )
        for name, theirs in DIFFERENT_DEFAULTS.items()
        if name in defaults and ours.get(name) is None
    ]


def _in_words(name: str, defaults: Values) -> str:
    if name == "max_train_steps":
        return f"max_train_epochs = {defaults['max_train_epochs']}"
    return repr(defaults[name])
