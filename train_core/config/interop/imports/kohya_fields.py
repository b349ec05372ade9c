"""The fields of kohya_ss's tabs: those of its LoRA tab with their defaults, and whom the others are for."""

from __future__ import annotations

from typing import Any

from train_core.config.phrases import Phrase, phrase
from train_core.kinds import KINDS

# Every field that the LoRA tab saves (version 26), with the value that a new one has.
DEFAULTS: dict[str, Any] = {
    "pretrained_model_name_or_path": "runwayml/stable-diffusion-v1-5", "v_parameterization": False,
    "flux1_checkbox": False, "dataset_config": "", "save_model_as": "safetensors",
    "save_precision": "fp16", "train_data_dir": "", "output_name": "last", "model_list": "", "training_comment": "",
    "logging_dir": "", "reg_data_dir": "", "output_dir": "", "max_resolution": "512,512", "learning_rate": 0.0001,
    "lr_scheduler": "cosine", "lr_warmup": 10, "lr_warmup_steps": 0, "train_batch_size": 1, "epoch": 1,
    "save_every_n_epochs": 1, "seed": 0, "cache_latents": True, "cache_latents_to_disk": False,
    "train_inpainting": False, "caption_extension": ".txt", "enable_bucket": True, "stop_text_encoder_training": 0,
    "min_bucket_reso": 256, "max_bucket_reso": 2048, "max_train_epochs": 0, "max_train_steps": 1600,
    "lr_scheduler_num_cycles": 1, "lr_scheduler_power": 1.0, "optimizer": "AdamW8bit", "optimizer_args": "",
    "lr_scheduler_args": "", "lr_scheduler_type": "", "max_grad_norm": 1.0, "mixed_precision": "fp16",
    "num_cpu_threads_per_process": 2, "num_processes": 1, "num_machines": 1, "multi_gpu": False, "gpu_ids": "",
    "main_process_port": 0, "dynamo_backend": "no", "dynamo_mode": "default", "dynamo_use_fullgraph": False,
    "dynamo_use_dynamic": False, "extra_accelerate_launch_args": "", "gradient_checkpointing": False,
    "fp8_base": False, "fp8_base_unet": False, "full_fp16": False, "highvram": False, "lowvram": False,
    "xformers": "xformers", "shuffle_caption": False, "save_state": False, "save_state_on_train_end": False,
    "resume": "", "prior_loss_weight": 1.0, "color_aug": False, "flip_aug": False, "masked_loss": False,
    "clip_skip": 1, "gradient_accumulation_steps": 1, "mem_eff_attn": False, "max_token_length": 75,
    "max_data_loader_n_workers": 0, "keep_tokens": 0, "persistent_data_loader_workers": False,
    "bucket_no_upscale": True, "random_crop": False, "bucket_reso_steps": 64, "v_pred_like_loss": 0,
    "caption_dropout_every_n_epochs": 0, "caption_dropout_rate": 0, "noise_offset_type": "Original",
    "noise_offset": 0, "noise_offset_random_strength": False, "adaptive_noise_scale": 0,
    "multires_noise_iterations": 0, "multires_noise_discount": 0.3, "ip_noise_gamma": 0,
    "ip_noise_gamma_random_strength": False, "additional_parameters": "", "loss_type": "l2", "huber_schedule": "snr",
    "huber_c": 0.1, "huber_scale": 1.0, "vae_batch_size": 0, "min_snr_gamma": 0, "save_every_n_steps": 0,
    "save_last_n_steps": 0, "save_last_n_steps_state": 0, "save_last_n_epochs": 0, "save_last_n_epochs_state": 0,
    "skip_cache_check": False, "log_with": "", "wandb_api_key": "", "wandb_run_name": "", "log_tracker_name": "",
    "log_tracker_config": "", "log_config": False, "scale_v_pred_loss_like_noise_pred": False, "full_bf16": False,
    "min_timestep": 0, "max_timestep": 1000, "vae": "", "weighted_captions": False, "debiased_estimation_loss": False,
    "sdxl_cache_text_encoder_outputs": False, "sdxl_no_half_vae": False, "text_encoder_lr": 0.0001, "t5xxl_lr": 0,
    "unet_lr": 0.0001, "network_dim": 8, "network_weights": "", "dim_from_weights": False, "network_alpha": 1,
    "LoRA_type": "Standard", "factor": -1, "bypass_mode": False, "dora_wd": False, "use_cp": False,
    "use_tucker": False, "use_scalar": False, "rank_dropout_scale": False, "constrain": 0.0, "rescaled": False,
    "train_norm": False, "decompose_both": False, "train_on_input": True, "conv_dim": 1, "conv_alpha": 1,
    "sample_every_n_steps": 0, "sample_every_n_epochs": 0, "sample_sampler": "euler_a", "sample_prompts": "",
    "down_lr_weight": "", "mid_lr_weight": "", "up_lr_weight": "", "block_lr_zero_threshold": "", "block_dims": "",
    "block_alphas": "", "conv_block_dims": "", "conv_block_alphas": "", "unit": 1, "scale_weight_norms": 0,
    "network_dropout": 0, "rank_dropout": 0, "module_dropout": 0.0, "LyCORIS_preset": "full", "loraplus_lr_ratio": 0,
    "loraplus_text_encoder_lr_ratio": 0, "loraplus_unet_lr_ratio": 0, "train_lora_ggpo": False, "ggpo_sigma": 0.03,
    "ggpo_beta": 0.01, "huggingface_repo_id": "", "huggingface_token": "", "huggingface_repo_type": "",
    "huggingface_repo_visibility": "", "huggingface_path_in_repo": "", "save_state_to_huggingface": False,
    "resume_from_huggingface": "", "async_upload": False, "metadata_author": "", "metadata_description": "",
    "metadata_license": "", "metadata_tags": "", "metadata_title": "", "flux1_cache_text_encoder_outputs": False,
    "flux1_cache_text_encoder_outputs_to_disk": False, "model_type": "flux", "ae": "", "clip_l": "", "t5xxl": "",
    "discrete_flow_shift": 3.0, "model_prediction_type": "sigma_scaled", "timestep_sampling": "sigma",
    "split_mode": False, "train_blocks": "all", "t5xxl_max_token_length": 512, "enable_all_linear": False,
    "guidance_scale": 3.5, "mem_eff_save": False, "apply_t5_attn_mask": False, "split_qkv": False,
    "train_t5xxl": False, "cpu_offload_checkpointing": False, "blocks_to_swap": 0, "single_blocks_to_swap": 0,
    "double_blocks_to_swap": 0, "show_timesteps": "", "show_timesteps_resolution": "1024", "img_attn_dim": "",
    "img_mlp_dim": "", "img_mod_dim": "", "single_dim": "", "txt_attn_dim": "", "txt_mlp_dim": "", "txt_mod_dim": "",
    "single_mod_dim": "", "in_dims": "", "train_double_block_indices": "all", "train_single_block_indices": "all",
    "sd3_cache_text_encoder_outputs": False, "sd3_cache_text_encoder_outputs_to_disk": False,
    "sd3_fused_backward_pass": False, "clip_g": "", "clip_g_dropout_rate": 0.0, "sd3_clip_l": "",
    "sd3_clip_l_dropout_rate": 0.0, "sd3_disable_mmap_load_safetensors": False, "sd3_enable_scaled_pos_embed": False,
    "logit_mean": 0.0, "logit_std": 1.0, "mode_scale": 1.29, "pos_emb_random_crop_rate": 0.0, "save_clip": False,
    "save_t5xxl": False, "sd3_t5_dropout_rate": 0.0, "sd3_t5xxl": "", "t5xxl_device": "", "t5xxl_dtype": "bf16",
    "sd3_text_encoder_batch_size": 1, "weighting_scheme": "logit_normal", "sd3_checkbox": False,
    "hunyuan_image_cache_text_encoder_outputs": False, "hunyuan_image_cache_text_encoder_outputs_to_disk": False,
    "hunyuan_text_encoder": "", "hunyuan_byt5": "", "hunyuan_vae": "", "hunyuan_discrete_flow_shift": 5.0,
    "hunyuan_model_prediction_type": "raw", "hunyuan_timestep_sampling": "sigma", "hunyuan_sigmoid_scale": 1.0,
    "hunyuan_attn_mode": "torch", "hunyuan_split_attn": False, "hunyuan_fp8_scaled": False, "hunyuan_fp8_vl": False,
    "hunyuan_text_encoder_cpu": False, "hunyuan_vae_chunk_size": 0, "hunyuan_image_checkbox": False,
    "anima_cache_text_encoder_outputs": False, "anima_cache_text_encoder_outputs_to_disk": False, "anima_qwen3": "",
    "anima_vae": "", "anima_llm_adapter_path": "", "anima_t5_tokenizer_path": "", "anima_discrete_flow_shift": 1.0,
    "anima_timestep_sampling": "sigmoid", "anima_sigmoid_scale": 1.0, "anima_qwen3_max_token_length": 512,
    "anima_t5_max_token_length": 512, "anima_attn_mode": "torch", "anima_split_attn": False,
    "anima_vae_chunk_size": 0, "anima_vae_disable_cache": False, "anima_unsloth_offload_checkpointing": False,
    "anima_qwen_image_vae_2d": False, "anima_compile": False, "anima_torch_compile": False,
    "anima_compile_backend": "inductor", "anima_compile_mode": "default", "anima_compile_dynamic": "auto",
    "anima_compile_fullgraph": False, "anima_compile_cache_size_limit": 0, "anima_checkbox": False,
    "lumina_cache_text_encoder_outputs": False, "lumina_cache_text_encoder_outputs_to_disk": False,
    "lumina_gemma2": "", "lumina_ae": "", "lumina_discrete_flow_shift": 6.0, "lumina_model_prediction_type": "raw",
    "lumina_timestep_sampling": "shift", "lumina_sigmoid_scale": 1.0, "lumina_gemma2_max_token_length": 256,
    "lumina_system_prompt": "", "lumina_use_flash_attn": False, "lumina_use_sage_attn": False,
    "lumina_checkbox": False,
}  # fmt: skip

# Boxes that choose a family, in the order in which the program looks at them: that of SD 2.x comes last.
_OF_KINDS = {box: kind.name for kind in KINDS.values() for box in kind.boxes}
_OF_OTHERS = {
    "flux1_checkbox": "FLUX", "sd3_checkbox": "SD3", "hunyuan_image_checkbox": "HunyuanImage",
    "anima_checkbox": "Anima", "lumina_checkbox": "Lumina",
}  # fmt: skip
BOXES = dict(sorted({**_OF_KINDS, **_OF_OTHERS}.items(), key=lambda item: item[0] == "v2"))
DEFAULTS |= {kind.boxes[0]: False for kind in KINDS.values() if kind.boxes}
WITHOUT_BOX = next(kind.name for kind in KINDS.values() if not kind.boxes)
PREFIXES = {
    "flux1_": "FLUX", "flux_": "FLUX", "sd3_": "SD3", "hunyuan_": "HunyuanImage", "anima_": "Anima",
    "lumina_": "Lumina",
}  # fmt: skip
# The fields of these begin with the name of their box, and have a counterpart here.
OF_KINDS = {f"{kind.boxes[0]}_": kind.name for kind in KINDS.values() if len(kind.boxes) > 1}
# Fields that only models of other families have there, some of them under names that mean something else here.
OF_FAMILIES: dict[str, str] = {
    name: family
    for family, names in {
        "FLUX": """
            model_type ae clip_l t5xxl discrete_flow_shift model_prediction_type timestep_sampling split_mode
            train_blocks t5xxl_max_token_length enable_all_linear guidance_scale mem_eff_save apply_t5_attn_mask
            split_qkv train_t5xxl cpu_offload_checkpointing blocks_to_swap single_blocks_to_swap
            double_blocks_to_swap show_timesteps show_timesteps_resolution img_attn_dim img_mlp_dim img_mod_dim
            single_dim txt_attn_dim txt_mlp_dim txt_mod_dim single_mod_dim in_dims train_double_block_indices
            train_single_block_indices t5xxl_lr train_lora_ggpo ggpo_sigma ggpo_beta fp8_base_unet
            blockwise_fused_optimizer blockwise_fused_optimizers
        """,
        "SD3": """
            clip_g clip_g_dropout_rate logit_mean logit_std mode_scale pos_emb_random_crop_rate save_clip save_t5xxl
            t5xxl_device t5xxl_dtype weighting_scheme text_encoder_batch_size
        """,
    }.items()
    for name in names.split()
}
TYPES_OF_FAMILIES = {
    "Flux1": "FLUX", "Flux1 OFT": "FLUX", "HunyuanImage-2.1": "HunyuanImage", "Anima": "Anima", "Lumina": "Lumina",
}  # fmt: skip

# Methods besides LoRA by the tabs' names, and the fields that only their files have.
METHODS: dict[str, frozenset[str]] = {
    "Textual inversion": frozenset({"token_string", "init_word", "num_vectors_per_token", "template", "weights"}),
    "LECO": frozenset({"prompts_file", "max_denoising_steps", "leco_denoise_guidance_scale"}),
    "LLLite": frozenset({
        "lllite_mlp_dim", "lllite_target_layers", "lllite_cond_dim", "lllite_cond_resblocks", "lllite_use_aspp",
        "lllite_dropout", "lllite_multiplier", "lllite_cond_in_channels", "lllite_inpaint_masked_input", "cond_emb_dim",
    }),
    "Finetuning": frozenset({
        "use_latent_files", "generate_caption_database", "create_caption", "generate_image_buckets", "create_buckets",
        "full_path", "caption_metadata_filename", "latent_metadata_filename", "train_dir", "image_folder", "batch_size",
    }),
    "Dreambooth": frozenset({
        "learning_rate_te", "learning_rate_te1", "learning_rate_te2", "train_text_encoder", "block_lr",
        "fused_optimizer_groups",
    }),
}  # fmt: skip
# What the other tabs have instead of the network's fields, with the values that a new file has.
NETWORK = frozenset(  # as words: a list literal is a page long
    """
    unet_lr text_encoder_lr t5xxl_lr network_dim network_weights dim_from_weights network_alpha LoRA_type factor
    bypass_mode dora_wd use_cp use_tucker use_scalar rank_dropout_scale constrain rescaled train_norm decompose_both
    train_on_input conv_dim conv_alpha down_lr_weight mid_lr_weight up_lr_weight block_lr_zero_threshold block_dims
    block_alphas conv_block_dims conv_block_alphas unit scale_weight_norms network_dropout rank_dropout module_dropout
    LyCORIS_preset loraplus_lr_ratio loraplus_text_encoder_lr_ratio loraplus_unet_lr_ratio fp8_base_unet
    training_comment
""".split()  # noqa: SIM905
)
_WHOLE: dict[str, Any] = {
    "learning_rate": 1e-5, "learning_rate_te": 1e-5, "learning_rate_te1": 1e-5, "learning_rate_te2": 1e-5,
    "fused_backward_pass": False, "fused_optimizer_groups": 0, "disable_mmap_load_safetensors": False,
}  # fmt: skip
OF_TABS: dict[str, dict[str, Any]] = {
    "Dreambooth": {**_WHOLE, "no_token_padding": False},
    "Finetuning": {
        **_WHOLE, "train_dir": "", "image_folder": "", "max_bucket_reso": "1024", "batch_size": "1",
        "caption_metadata_filename": "meta_cap.json", "latent_metadata_filename": "meta_lat.json", "full_path": True,
        "lr_scheduler": "constant", "lr_warmup": 0, "dataset_repeats": "40", "train_text_encoder": True,
        "create_caption": True, "create_buckets": True, "block_lr": "", "use_latent_files": "Yes",
    },
    "Textual inversion": {
        "learning_rate": 1e-5, "no_token_padding": False, "token_string": "", "init_word": "*",
        "num_vectors_per_token": 1, "weights": "", "template": "caption",
    },
}  # fmt: skip
MANY = 30  # a file of more fields that has none of LoRA's is a whole tab's, not a part of one


def method_of(given: dict[str, Any]) -> str:
    """The tab that a file is from, by fields that only it has."""
    names = given.keys()
    for method in ("Textual inversion", "LECO", "LLLite"):
        if names & (METHODS[method] - {"weights", "template"}):
            return method
    lora = names & {"network_dim", "LoRA_type", "network_alpha", "unet_lr", "text_encoder_lr"}
    if names & {"use_latent_files", "generate_caption_database", "create_caption", "train_dir", "image_folder"}:
        return "Finetuning"
    if lora:
        return "LoRA"
    return "Dreambooth" if names & METHODS["Dreambooth"] or len(names) > MANY else "LoRA"


def defaults_of(method: str) -> dict[str, Any]:
    """The fields of a tab, with the values that a new file has."""
    if method not in OF_TABS:
        return DEFAULTS
    return {name: value for name, value in DEFAULTS.items() if name not in NETWORK} | OF_TABS[method]


def method_in_words(method: str) -> Phrase:
    """What a tab trains, in words."""
    words = {
        "Textual inversion": phrase("textual_inversion", "textual inversion"),
        "Dreambooth": phrase("whole_model", "training a whole model"),
        "Finetuning": phrase("whole_model", "training a whole model"),
        "LECO": phrase("import_leco", "LECO (erasing concepts)"),
        "LLLite": phrase("import_lllite", "ControlNet-LLLite"),
    }
    return words[method]


def family_of_field(name: str) -> str:
    """The family that alone has the field `name`; empty for the fields of all."""
    prefix = next((family for start, family in PREFIXES.items() if name.startswith(start)), "")
    return OF_FAMILIES.get(name, prefix)
