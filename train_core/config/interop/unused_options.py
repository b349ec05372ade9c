"""Options of sd-scripts that have no counterpart here: those not followed, not needed, or of another method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from train_core.config.phrases import phrase
from train_core.config.problems import Problem, problem

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

NAMES = frozenset({*UNNEEDED, *NOT_FOLLOWED, *ANOTHER_METHOD, *COMPANIONS})


def without_unused(
    values: Mapping[str, Any], source_of: Callable[[str], str]
) -> tuple[dict[str, Any], list[Problem]]:
    """`values` without these options, and a warning for each that asks for something."""
    asked = [name for name, value in values.items() if name in NAMES and not _asks_for_nothing(value)]
    left = {name: value for name, value in values.items() if name not in NAMES}
    return left, [found for name in asked if (found := _unused(name, source_of(name))) is not None]


def _asks_for_nothing(value: Any) -> bool:
    return value in (None, "", False) or str(value).strip().lower() == "false"


def _unused(name: str, source: str) -> Problem | None:
    if name in UNNEEDED:
        return problem(
            "sd_scripts_unneeded", "{name} in {source} is not needed here: {reason}.",
            name=name, source=source, reason=UNNEEDED[name],
        )
    if name in NOT_FOLLOWED:
        return problem(
            "sd_scripts_refused", "{name} in {source} is not supported: {reason}.",
            name=name, source=source, reason=NOT_FOLLOWED[name],
        )
    if name in ANOTHER_METHOD:
        return problem(
            "sd_scripts_another_method",
            "{name} in {source} is ignored: it is for {method}, and this trains an adapter.",
            name=name, source=source, method=ANOTHER_METHOD[name],
        )
    return None  # it only shapes one that is told
