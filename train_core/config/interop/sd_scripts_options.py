"""Table of every option of sd-scripts for SD 1.x, 2.x and SDXL: done, renamed, elsewhere, refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from train_core.config.interop.unused_options import COMPANIONS, NOT_FOLLOWED, UNNEEDED
from train_core.config.jobs.train import TrainConfig

State = Literal["done", "renamed", "not needed", "refused"]

# The options of its network, DreamBooth, fine-tuning and textual-inversion scripts, as their parsers list them.
OPTIONS = tuple(  # as words: a list literal of 212 strings is three pages long
    """
    pretrained_model_name_or_path v2 v_parameterization vae tokenizer_cache_dir no_half_vae
    disable_mmap_load_safetensors train_data_dir reg_data_dir in_json dataset_repeats dataset_config
    dataset_class conditioning_data_dir cache_info debug_dataset resolution caption_extension caption_extention
    caption_separator shuffle_caption keep_tokens keep_tokens_separator secondary_separator enable_wildcard
    caption_prefix caption_suffix caption_dropout_rate caption_dropout_every_n_epochs caption_tag_dropout_rate
    token_warmup_min token_warmup_step weighted_captions max_token_length enable_bucket min_bucket_reso
    max_bucket_reso bucket_reso_steps bucket_no_upscale resize_interpolation random_crop flip_aug color_aug
    face_crop_aug_range alpha_mask masked_loss cache_latents cache_latents_to_disk skip_cache_check
    vae_batch_size cache_text_encoder_outputs cache_text_encoder_outputs_to_disk output_dir output_name
    save_model_as use_safetensors save_precision save_every_n_epochs save_every_n_steps save_n_epoch_ratio
    save_last_n_epochs save_last_n_epochs_state save_last_n_steps save_last_n_steps_state save_state
    save_state_on_train_end resume skip_until_initial_step initial_epoch initial_step no_metadata
    training_comment huggingface_repo_id huggingface_repo_type huggingface_path_in_repo huggingface_token
    huggingface_repo_visibility save_state_to_huggingface resume_from_huggingface async_upload metadata_title
    metadata_author metadata_description metadata_license metadata_tags metadata_usage_hint metadata_thumbnail
    metadata_merged_from metadata_trigger_phrase metadata_preprocessor metadata_is_negative_embedding
    max_train_steps max_train_epochs train_batch_size gradient_accumulation_steps seed max_data_loader_n_workers
    persistent_data_loader_workers mixed_precision full_fp16 full_bf16 fp8_base fp8_base_unet
    gradient_checkpointing cpu_offload_checkpointing xformers sdpa mem_eff_attn diffusers_xformers torch_compile
    dynamo_backend lowram highvram ddp_timeout ddp_gradient_as_bucket_view ddp_static_graph deepspeed zero_stage
    offload_optimizer_device offload_optimizer_nvme_path offload_param_device offload_param_nvme_path
    zero3_init_flag zero3_save_16bit_model fp16_master_weights_and_gradients optimizer_type use_8bit_adam
    use_lion_optimizer optimizer_args learning_rate max_grad_norm lr_scheduler lr_scheduler_type
    lr_scheduler_args lr_warmup_steps lr_decay_steps lr_scheduler_num_cycles lr_scheduler_power
    lr_scheduler_timescale lr_scheduler_min_lr_ratio fused_backward_pass fused_optimizer_groups unet_lr
    text_encoder_lr learning_rate_te learning_rate_te1 learning_rate_te2 block_lr train_text_encoder
    stop_text_encoder_training no_token_padding noise_offset noise_offset_random_strength adaptive_noise_scale
    multires_noise_iterations multires_noise_discount ip_noise_gamma ip_noise_gamma_random_strength min_timestep
    max_timestep zero_terminal_snr min_snr_gamma scale_v_pred_loss_like_noise_pred v_pred_like_loss
    debiased_estimation_loss loss_type huber_schedule huber_c huber_scale prior_loss_weight clip_skip
    network_module network_dim network_alpha network_dropout network_args network_weights dim_from_weights
    network_train_unet_only network_train_text_encoder_only scale_weight_norms base_weights
    base_weights_multiplier token_string init_word num_vectors_per_token weights use_object_template
    use_style_template validation_split validation_seed validate_every_n_steps validate_every_n_epochs
    max_validation_steps sample_prompts sample_sampler sample_every_n_steps sample_every_n_epochs
    sample_at_first logging_dir log_with log_prefix log_tracker_name log_tracker_config wandb_run_name
    wandb_api_key log_config console_log_level console_log_file console_log_simple config_file output_config
""".split()  # noqa: SIM905
)

# What it takes for sample_sampler; kohya_ss offers the same.
SAMPLERS = frozenset({
    "ddim", "pndm", "lms", "euler", "euler_a", "heun", "dpm_2", "dpm_2_a", "dpmsolver", "dpmsolver++", "dpmsingle",
    "k_lms", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a",
})  # fmt: skip

RENAMED = {
    "caption_extention": "`caption_extension`, spelt right",
    "use_8bit_adam": "`optimizer_type = AdamW8bit`",
    "use_lion_optimizer": "`optimizer_type = Lion`",
    "network_module": "`LoRA_type`",
    "no_metadata": "`metadata_depth = minimal`",
    "network_args": "each argument is a setting of its own, such as `conv_dim`",
    "use_safetensors": "`save_model_as = safetensors`; adapters are always so",
    "full_fp16": "`full_half` with `mixed_precision = fp16`",
    "full_bf16": "`full_half` with `mixed_precision = bf16`",
    "fp8_base": "`base_precision = fp8` with `base_precision_parts = all`",
    "fp8_base_unet": "`base_precision = fp8`",
    "torch_compile": "`dynamo_backend`",
    "train_text_encoder": "`network_train_unet_only` where it is off; off there by default for fine-tuning",
    "learning_rate_te": "`text_encoder_lr`; 0 turns `network_train_unet_only` on",
    "learning_rate_te1": "the first rate in `text_encoder_lr`",
    "learning_rate_te2": "the second rate in `text_encoder_lr`",
    "block_lr": "`unet_lr`, with `down_lr_weight`, `mid_lr_weight` and `up_lr_weight` as factors on it; refused where "
    "the first and the last of the 23 rates differ, since neither has a factor",
    "fused_optimizer_groups": "`fused_backward_pass`: each parameter is a group of its own",
    "weights": "`embedding_weights`",
    "use_object_template": "`caption_template = object`",
    "use_style_template": "`caption_template = style`",
}

REFUSED = {
    **NOT_FOLLOWED,
    "lr_scheduler_type": "a schedule of foreign code can be neither drawn nor resumed exactly",
}

# Where the effect of a setting that is done can be seen; with all others it is in the trained weights.
OBSERVED_ELSEWHERE = {
    name: place
    for place, names in {
        "file": (
            "output_dir", "output_name", "save_precision", "save_every_n_epochs", "save_every_n_steps",
            "training_comment", "metadata_title", "metadata_author", "metadata_description", "metadata_license",
            "metadata_tags", "metadata_trigger_phrase", "metadata_usage_hint", "metadata_merged_from",
            "metadata_preprocessor", "metadata_thumbnail", "save_n_epoch_ratio", "save_last_n_epochs",
            "save_last_n_steps",
        ),
        "states": (
            "save_state", "save_state_on_train_end", "save_last_n_epochs_state", "save_last_n_steps_state", "resume",
        ),
        "pictures": (
            "sample_prompts", "sample_every_n_epochs", "sample_every_n_steps", "sample_at_first", "sample_sampler",
        ),
        "validation curve": (
            "validation_seed", "validate_every_n_epochs", "validate_every_n_steps", "max_validation_steps",
        ),
        "memory": ("gradient_checkpointing", "cpu_offload_checkpointing"),
        "compiled code": ("dynamo_backend",),
        "caches": (
            "cache_latents", "cache_latents_to_disk", "vae_batch_size", "cache_text_encoder_outputs",
            "cache_text_encoder_outputs_to_disk",
        ),
        "processes": ("max_data_loader_n_workers",),
    }.items()
    for name in names
}


@dataclass(frozen=True)
class Fate:
    """Outcome for an option. `note` says where it went or why it is missing, for a done one where it shows."""

    name: str
    state: State
    note: str


def fates() -> list[Fate]:
    """The fate of every option, in the order of `OPTIONS`."""
    return [_fate(name) for name in OPTIONS]


def _fate(name: str) -> Fate:
    if name in {setting.name for setting in TrainConfig.settings()}:
        return Fate(name, "done", OBSERVED_ELSEWHERE.get(name, "weights"))
    for state, notes in FATES.items():
        if name in notes:
            return Fate(name, state, notes[name])
    raise KeyError(name)


FATES: dict[State, Mapping[str, str]] = {
    "renamed": RENAMED, "not needed": UNNEEDED,
    "refused": REFUSED | dict.fromkeys(COMPANIONS, f"belongs to deepspeed: {REFUSED['deepspeed']}"),
}  # fmt: skip
