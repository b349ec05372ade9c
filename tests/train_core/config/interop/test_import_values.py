"""Old presets of kohya_ss, one habit of its users or one year of its history each: the settings that come of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from train_core.config.interop.imports.recognise import import_text
from train_core.config.interop.imports.report import Import

Values = dict[str, Any]
# Name of the case: what the file holds beside a resolution, and the settings that it means.
CASES: dict[str, tuple[Values, Values]] = {
    "rates as text": (
        {"learning_rate": "1e-4", "unet_lr": "0.0002", "text_encoder_lr": "5e-5"},
        {"learning_rate": 1e-4, "unet_lr": 2e-4, "text_encoder_lr": "5e-5"},
    ),
    "whole numbers as text and with points": (
        {"network_dim": "64", "network_alpha": "32", "clip_skip": "2", "train_batch_size": 4.0, "seed": "1234",
         "keep_tokens": 1.0, "max_token_length": "225"},
        {"network_dim": 64, "network_alpha": 32.0, "clip_skip": 2, "train_batch_size": 4, "seed": 1234,
         "keep_tokens": 1, "max_token_length": 225},
    ),
    "empty text and null mean the default": (
        {"learning_rate": "", "seed": None, "network_dim": "", "vae": None, "sample_prompts": ""},
        {"learning_rate": 1e-4, "seed": 0, "network_dim": 32, "vae": "", "sample_prompts": ""},
    ),
    "boxes as text and numbers": (
        {"shuffle_caption": "True", "flip_aug": 1, "enable_bucket": "false", "cache_latents": 0,
         "gradient_checkpointing": "true"},
        {"shuffle_caption": True, "flip_aug": True, "enable_bucket": False, "cache_latents": False,
         "gradient_checkpointing": True},
    ),
    "size with a cross": ({"max_resolution": "768x512"}, {"resolution": "768,512"}),
    "size of one number": ({"max_resolution": 640}, {"resolution": "640"}),
    "epochs of the old field, with no field for steps": (
        {"epoch": "8"}, {"max_train_epochs": 8, "max_train_steps": 0},
    ),
    "steps go before the old field for epochs": (
        {"epoch": 8, "max_train_steps": "1600"}, {"max_train_epochs": 0, "max_train_steps": 1600},
    ),
    "epochs of the new field go before steps": (
        {"epoch": 1, "max_train_steps": 1600, "max_train_epochs": "12"},
        {"max_train_epochs": 12, "max_train_steps": 0},
    ),
    "zero steps mean epochs": (
        {"epoch": 3, "max_train_steps": 0, "max_train_epochs": ""}, {"max_train_epochs": 3, "max_train_steps": 0},
    ),
    "warm-up in percent": ({"lr_warmup": 10}, {"lr_warmup_steps": "10%"}),
    "warm-up in steps goes before percent": (
        {"lr_warmup": 10, "lr_warmup_steps": 150}, {"lr_warmup_steps": "150"},
    ),
    "end of the text encoder in percent, by its older name": (
        {"stop_text_encoder_training_pct": 40}, {"stop_text_encoder_training": "40%"},
    ),
    "end of the text encoder below zero": (
        {"stop_text_encoder_training": -1}, {"network_train_unet_only": True, "stop_text_encoder_training": ""},
    ),
    "rate 0 for the text encoder": (
        {"unet_lr": 1e-4, "text_encoder_lr": 0}, {"unet_lr": 1e-4, "network_train_unet_only": True},
    ),
    "rate 0 for the U-Net": (
        {"unet_lr": "0.0", "text_encoder_lr": "1e-5"},
        {"text_encoder_lr": "1e-5", "network_train_text_encoder_only": True, "network_train_unet_only": False},
    ),
    "rate 0 for both": (
        {"learning_rate": 3e-4, "unet_lr": 0, "text_encoder_lr": 0},
        {"learning_rate": 3e-4, "unet_lr": None, "text_encoder_lr": "", "network_train_unet_only": False},
    ),
    "box for eight bits, before there was a choice": ({"use_8bit_adam": True}, {"optimizer_type": "AdamW8bit"}),
    "that box unticked": ({"use_8bit_adam": False}, {"optimizer_type": "AdamW"}),
    "the choice goes before the box": (
        {"use_8bit_adam": True, "optimizer": "Lion"}, {"optimizer_type": "Lion"},
    ),
    "arguments of the optimizer as one text": (
        {"optimizer": "Prodigy", "optimizer_args": "decouple=True weight_decay=0.01 betas=0.9,0.99"},
        {"optimizer_type": "Prodigy", "optimizer_args": ["decouple=True", "weight_decay=0.01", "betas=0.9,0.99"]},
    ),
    "plain LoRA without the convolutions that only stand in the file": (
        {"LoRA_type": "Standard", "conv_dim": 8, "conv_alpha": 4}, {"LoRA_type": "LoRA", "conv_dim": None},
    ),
    "Kohya LoCon": (
        {"LoRA_type": "Kohya LoCon", "network_dim": 16, "conv_dim": 8, "conv_alpha": "4"},
        {"LoRA_type": "LoRA", "network_dim": 16, "conv_dim": 8, "conv_alpha": 4.0},
    ),
    "LoCon of 2023": (
        {"LoRA_type": "LoCon", "conv_dim": 4}, {"LoRA_type": "LoRA", "LyCORIS_preset": "full", "conv_dim": 4},
    ),
    "LoHa": (
        {"LoRA_type": "LyCORIS/LoHa", "network_dim": 8, "conv_dim": 4, "use_cp": True, "rank_dropout": "0.1"},
        {"LoRA_type": "LoHa", "network_dim": 8, "conv_dim": 4, "use_tucker": True, "rank_dropout": 0.1},
    ),
    "LoKr in full": (
        {"LoRA_type": "LyCORIS/LoKr", "network_dim": 100000, "conv_dim": 100000, "factor": "8",
         "decompose_both": False},
        {"LoRA_type": "LoKr", "full_matrix": True, "factor": 8, "decompose_both": False},
    ),
    "IA3": (
        {"LoRA_type": "LyCORIS/iA3", "train_on_input": True}, {"LoRA_type": "IA3", "train_on_input": True},
    ),
    "orthogonal": (
        {"LoRA_type": "LyCORIS/Diag-OFT", "network_dim": 4, "constrain": 0.5, "rescaled": "True"},
        {"LoRA_type": "Diag-OFT", "network_dim": 4, "constraint": 0.5, "rescaled": True},
    ),
    "DyLoRA": ({"LoRA_type": "Kohya DyLoRA", "unit": "8"}, {"LoRA_type": "DyLoRA", "unit": 8}),
    "rank 0 of convolutions": (
        {"LoRA_type": "LyCORIS/LoCon", "conv_dim": 0, "conv_alpha": 0}, {"LoRA_type": "LoRA", "conv_dim": None},
    ),
    "ranks and rates of blocks, by the names of 2023": (
        {"conv_dims": "", "block_dims": "4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4",
         "down_lr_weight": "sine+.2", "mid_lr_weight": "0.5"},
        {"block_dims": "4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4,4", "down_lr_weight": "sine+.2",
         "mid_lr_weight": "0.5", "conv_block_dims": ""},
    ),
    "weights to start from, by the name of 2023": (
        {"lora_network_weights": "/models/a.safetensors", "dim_from_weights": True},
        {"network_weights": "/models/a.safetensors", "dim_from_weights": True},
    ),
    "flags in additional_parameters": (
        {"additional_parameters": '--network_train_unet_only --min_snr_gamma=5 --noise_offset 0.05 '
                                  '--optimizer_args "weight_decay=0.1" "betas=0.9,0.95"', "min_snr_gamma": 0},
        {"network_train_unet_only": True, "min_snr_gamma": 5.0, "noise_offset": 0.05,
         "optimizer_args": ["weight_decay=0.1", "betas=0.9,0.95"]},
    ),
    "PyTorch's cosine in additional_parameters": (
        {"lr_scheduler": "constant", "learning_rate": 1e-4,
         "additional_parameters": '--lr_scheduler_type "CosineAnnealingLR" --lr_scheduler_args "T_max=1000" '
                                  '"eta_min=1e-5"'},
        {"lr_scheduler": "cosine_with_min_lr", "lr_scheduler_min_lr_ratio": 0.1},
    ),
    "attention": ({"xformers": "sdpa", "mem_eff_attn": True}, {"attention": "auto"}),
    "attention as a box": ({"xformers": True}, {"attention": "auto"}),
    "half precision everywhere": (
        {"full_bf16": "True", "mixed_precision": "bf16", "save_precision": "bf16"},
        {"full_half": True, "mixed_precision": "bf16", "save_precision": "bf16"},
    ),
    "weights of eight bits": ({"fp8_base": True}, {"base_precision": "fp8", "base_precision_parts": "all"}),
    "mixed precision of eight bits": ({"mixed_precision": "fp8"}, {"mixed_precision": "bf16"}),
    "SDXL with its own two fields": (
        {"sdxl": True, "sdxl_cache_text_encoder_outputs": True, "sdxl_no_half_vae": True,
         "network_train_unet_only": True},
        {"cache_text_encoder_outputs": True, "no_half_vae": True},
    ),
    "SD 2.x with velocity": (
        {"v2": True, "v_parameterization": True, "scale_v_pred_loss_like_noise_pred": True},
        {"v_parameterization": "v", "scale_v_pred_loss_like_noise_pred": True},
    ),
    "velocity unticked": ({"v_parameterization": False}, {"v_parameterization": "auto"}),
    "two kinds of noise of which one is chosen": (
        {"noise_offset_type": "Multires", "noise_offset": 0.1, "multires_noise_iterations": 6,
         "multires_noise_discount": 0.3},
        {"noise_offset": 0.0, "multires_noise_iterations": 6, "multires_noise_discount": 0.3},
    ),
    "noise as text": (
        {"noise_offset": "0.0357", "adaptive_noise_scale": "0.00357", "min_snr_gamma": "5"},
        {"noise_offset": 0.0357, "adaptive_noise_scale": 0.00357, "min_snr_gamma": 5.0},
    ),
    "bucket steps of one pixel": ({"bucket_reso_steps": 1}, {"bucket_reso_steps": 8}),
    "a batch of zero for the VAE": ({"vae_batch_size": 0}, {"vae_batch_size": 1}),
    "no caption files wanted": ({"caption_extension": ".none-use-foldername"},
                                {"caption_extension": ".noneusefoldername"}),
    "no extension": ({"caption_extension": ""}, {"caption_extension": ".caption"}),
    "misspelt keys of 2023": (
        {"cache_latent": False, "caption_extention": ".txt"}, {"cache_latents": False, "caption_extension": ".txt"},
    ),
    "clipping and prior weight of zero": (
        {"max_grad_norm": 0, "prior_loss_weight": 0, "reg_data_dir": "/reg"},
        {"max_grad_norm": 0.0, "prior_loss_weight": 0.0},
    ),
    "a DreamBooth preset": (
        {"learning_rate_te": 1e-5, "learning_rate": 1e-6, "train_batch_size": 2, "epoch": 4, "lr_scheduler": "cosine"},
        {"learning_rate": 1e-6, "text_encoder_lr": "1e-05", "training_method": "DreamBooth", "train_batch_size": 2,
         "max_train_epochs": 4, "lr_scheduler": "cosine"},
    ),
    "a fine-tuning preset": (
        {"image_folder": "/data/img", "train_dir": "/data/meta/", "use_latent_files": "No", "dataset_repeats": "10",
         "caption_metadata_filename": "meta_cap.json", "learning_rate": 1e-5},
        {"train_data_dir": "/data/img", "in_json": "/data/meta/meta_cap.json", "dataset_repeats": 10,
         "learning_rate": 1e-5, "training_method": "fine-tuning"},
    ),
    "quotes, slashes and unseen signs around paths": (
        {"train_data_dir": '"/data/images/"', "output_dir": "\u202a/out", "output_name": " cat "},
        {"train_data_dir": "/data/images/", "output_dir": "/out"},
    ),
    "full-width digits": ({"max_resolution": "５１２，７６８"}, {"resolution": "512,768"}),
    "a file of all kinds of models ticked": (
        {"sdxl": True, "flux1_checkbox": True, "network_dim": 4}, {"network_dim": 4},
    ),
}  # fmt: skip


def read(values: Values) -> Import:
    return import_text(json.dumps({"max_resolution": "512,512", **values}), Path("old.json"), None)


def test_there_are_more_than_thirty_such_files() -> None:
    assert len(CASES) > 30


@pytest.mark.parametrize("case", CASES, ids=lambda name: name.replace(" ", "-"))
def test_an_old_file_means_these_settings(case: str) -> None:
    given, expected = CASES[case]
    found = read(given)
    settings = found.config().flat()
    assert {name: settings[name] for name in expected} == expected
    assert not found.not_understood


@pytest.mark.parametrize(("given", "method", "family"), [
    ({"LoRA_type": "Standard", "sdxl": True}, "LoRA", "SDXL"),
    ({"network_dim": 4, "v2": True}, "LoRA", "SD 2.x"),
    ({"network_dim": 4, "v2": False, "sdxl": False}, "LoRA", "SD 1.x"),
    ({"network_dim": 4, "sdxl": True, "v2": True}, "LoRA", "SDXL"),
    ({"LoRA_type": "Flux1", "flux1_checkbox": True}, "LoRA", "FLUX"),
    ({"LoRA_type": "Flux1"}, "LoRA", "FLUX"),
    ({"sdxl_checkbox": True, "use_latent_files": "Yes", "train_dir": "/m"}, "Finetuning", "SDXL"),
    ({"token_string": "cat", "num_vectors_per_token": 4}, "Textual inversion", ""),
    ({"learning_rate_te": 1e-5}, "Dreambooth", ""),
    ({"prompts_file": "a.toml", "max_denoising_steps": 40}, "LECO", ""),
    ({"cond_emb_dim": 32, "lllite_mlp_dim": 64}, "LLLite", ""),
])  # fmt: skip
def test_method_and_family_follow_from_the_fields(given: Values, method: str, family: str) -> None:
    found = read(given)
    assert (found.program, found.method, found.family) == ("kohya_ss", method, family)


def test_what_cannot_be_read_is_told_and_not_replaced_by_zero() -> None:
    found = read({"learning_rate": "fast", "seed": "x", "future_field": 1})
    assert {one.name for one in found.not_understood} == {"learning_rate", "seed", "future_field"}
    assert "learning_rate" not in found.values
    assert found.kept.values["future_field"] == 1


def test_a_cycle_that_is_shorter_than_the_run_is_told() -> None:
    flags = '--lr_scheduler_type CosineAnnealingLR --lr_scheduler_args "T_max=30"'
    (changed,) = [one for one in read({"additional_parameters": flags}).changed if one.name == "additional_parameters"]
    assert "instead of 30 steps" in changed.reason


def test_what_goes_before_a_key_is_called_by_its_label_where_it_is_a_setting() -> None:
    reasons = {one.name: one.reason for one in read({"epoch": 3, "max_train_steps": 100}).left_out}
    assert reasons["epoch"].params["name"].code == "setting"


def test_a_model_on_a_hub_is_asked_for() -> None:
    (need,) = read({"pretrained_model_name_or_path": "runwayml/stable-diffusion-v1-5"}).needs
    assert (need.setting, need.question.code) == ("pretrained_model_name_or_path", "import_hub_model")


def test_a_path_of_another_system_is_asked_for_and_not_refused() -> None:
    needs = {need.name: need for need in read({"train_data_dir": "C:\\img", "output_dir": "D:\\out"}).needs}
    assert needs.keys() == {"train_data_dir", "output_dir"}


def test_secrets_are_neither_shown_nor_kept() -> None:
    found = read({"wandb_api_key": "my-key", "huggingface_token": "hf_abc"})
    assert "my-key" not in repr(found)
    assert "hf_abc" not in repr(found)


def test_defaults_that_differ_are_told_with_both_values() -> None:
    told = {one.setting: (one.ours, one.theirs) for one in read({"LoRA_type": "Standard"}).defaulted}
    assert told["network_dim"] == (32, 8)
    assert "network_dim" not in {one.setting for one in read({"network_dim": 8}).defaulted}
