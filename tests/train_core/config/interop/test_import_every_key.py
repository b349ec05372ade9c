"""Every field that kohya_ss ever saved, with values of odd types: nothing fails, each is in one list of the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_core.config.interop.imports.kohya_fields import DEFAULTS, defaults_of
from train_core.config.interop.imports.recognise import import_text
from train_core.config.interop.imports.report import Import
from train_core.config.interop.kohya_ss_export import export_kohya_ss
from train_core.config.jobs.train import TrainConfig

# Beside the LoRA tab's: fields of the other tabs, and of years ago.
OTHERS = """
    learning_rate_te learning_rate_te1 learning_rate_te2 no_token_padding disable_mmap_load_safetensors
    fused_backward_pass fused_optimizer_groups flux1_clip_l flux1_t5xxl blockwise_fused_optimizers
    flux_fused_backward_pass sdxl_checkbox train_dir image_folder batch_size caption_metadata_filename
    latent_metadata_filename full_path dataset_repeats train_text_encoder create_caption generate_caption_database
    create_buckets generate_image_buckets block_lr use_latent_files stop_text_encoder_training_pct token_string
    init_word num_vectors_per_token weights template no_metadata prompts_file network_module network_args
    max_denoising_steps leco_denoise_guidance_scale zero_terminal_snr conditioning_data_dir resolution
    cache_text_encoder_outputs cache_text_encoder_outputs_to_disk cond_emb_dim lllite_mlp_dim lllite_target_layers
    lllite_cond_dim lllite_cond_resblocks lllite_use_aspp lllite_dropout lllite_multiplier lllite_cond_in_channels
    lllite_inpaint_masked_input lora_network_weights use_wandb use_8bit_adam conv_dims conv_alphas no_half_vae
    sdxl_min_timestep sdxl_max_timestep locon network_train cache_latent caption_extention use_wandb_checkbox
    wandb_api_key_textbox text_encoder_batch_size blockwise_fused_optimizer convert_to_ckpt convert_to_safetensors
    use_safetensors save_as_bool save_as use_lion_optimizer optimizer_type nobody_knows_this
""".split()  # noqa: SIM905
KEYS = [*DEFAULTS, *OTHERS]
ODD = [
    True, False, None, "", " ", "true", "False", "True", 0, 1, -1, 2, 1.0, 64.0, 0.5, "0", "1", "1.0", "1e-4",
    "5e-05", "-1", 100000, 1e308, -0.0, "512,512", "512x768", "５１２，７６８", "none", "None", "fp16", "fp8",
    "C:\\a\\b.safetensors", "/a/b", "a/b", "owner/model", [], ["a"], ["a=1", "b"], [1, 2], {}, {"a": 1},
    {"a": {"b": [1]}}, "--a 1 --b=2 c",
    '--network_args "algo=loha" "x=1"', "'", '"', "--", "-", "=", "1,2,3", "sine+.2", "Multires", "LyCORIS/LoKr", "狗",
    "\u202aC:\\x", "9" * 400, "{", "${HOME}", "`id`",
]  # fmt: skip
PRESETS = [
    {}, {"LoRA_type": "LyCORIS/LoKr", "network_dim": 8}, {"LoRA_type": "Kohya LoCon", "sdxl": True},
    {"token_string": "x"}, {"learning_rate_te": 1e-5}, {"use_latent_files": "No"}, {"flux1_checkbox": True},
]  # fmt: skip


def read(values: dict[str, Any]) -> Import:
    return import_text(json.dumps({"max_resolution": "512,512", **values}), Path("a.json"), None)


def check(values: dict[str, Any]) -> None:
    """Each key is in one list, and what came of it can be used and written back."""
    found = read(values)
    lists = (found.taken, found.changed, found.left_out, found.not_understood, found.needs)
    names = [entry.name for entries in lists for entry in entries]
    assert {name: names.count(name) for name in values if names.count(name) != 1} == {}
    assert TrainConfig.from_flat(dict(found.values)) == found.config()
    written = json.loads(export_kohya_ss(found.config(), found.kept))
    assert not defaults_of(found.method).keys() - written.keys()
    assert all(name in written for name in values)


@pytest.mark.parametrize("shift", range(len(ODD)))
def test_every_field_is_settled_with_each_odd_value(shift: int) -> None:
    odd = {key: ODD[(place + shift) % len(ODD)] for place, key in enumerate(KEYS)}
    check({**odd, **PRESETS[shift % len(PRESETS)]})


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KEYS), st.sampled_from(ODD), st.sampled_from(PRESETS))
def test_a_field_alone_is_settled_too(key: str, value: Any, preset: dict[str, Any]) -> None:
    check({**preset, key: value})


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD), min_size=20, max_size=200))
def test_many_fields_with_odd_values_are_settled(values: dict[str, Any]) -> None:
    check(values)


def test_a_whole_new_file_loses_nothing() -> None:
    found = read(DEFAULTS)
    assert not found.not_understood
    assert found.defaulted_count == 0
    assert (found.program, found.method, found.family) == ("kohya_ss", "LoRA", "SD 1.x")
