"""Words, zeros and ranks of other programs, read in files of every kind and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from train_core.config.files import Loaded, check_values, read_config
from train_core.config.interop.sampler_words import SPACINGS, label_of, sampler_in
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.problems import UserError
from train_core.config.sections.samples import Sampler

NEEDED = {"pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/images", "output_dir": "/out"}


def typed(**overrides: Any) -> Loaded:
    """Settings with `overrides` of the command line."""
    return check_values(NEEDED, "a test", overrides)


def read(tmp_path: Path, name: str, text: str) -> Loaded:
    start = "".join(f"{key} = {json.dumps(value)}\n" for key, value in NEEDED.items())
    (tmp_path / name).write_text(start + text, encoding="utf-8")
    return read_config(tmp_path / name)


def codes(loaded: Loaded) -> set[str]:
    return {found.code for found in loaded.warnings} - {"sd_scripts_defaults_differ"}


@pytest.mark.parametrize(("said", "meant"), [
    ({"sample_sampler": "DPM++ 2M Karras"}, ("dpmsolver++", "karras")),
    ({"sample_sampler": "dpmpp_2m"}, ("dpmsolver++", "automatic")),
    ({"sample_sampler": "k_dpmpp_2s_ancestral"}, ("dpmpp_2s_a", "automatic")),
    ({"sample_sampler": "uni_pc"}, ("unipc", "automatic")),
    ({"sample_sampler": "PLMS"}, ("pndm", "automatic")),
    ({"sample_sampler": "k_euler_a"}, ("k_euler_a", "automatic")),
    ({"sample_sampler": "DPM++ 3M SDE Exponential", "sample_spacing": "uniform"}, ("dpmpp_3m_sde", "uniform")),
])  # fmt: skip
def test_a_sampler_may_be_named_as_elsewhere_and_with_its_spacing(
    tmp_path: Path, said: dict[str, str], meant: tuple[str, str]
) -> None:
    text = "config_version = 1\nsample_prompts = 'a cat'\n"
    text += "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())
    for config in (read(tmp_path, "a.toml", text).config, typed(sample_prompts="a cat", **said).config):
        assert (config.samples.sample_sampler, config.samples.sample_spacing) == meant


def test_a_sampler_of_class_images_is_named_as_elsewhere_but_has_no_spacing() -> None:
    assert typed(class_sampler="DPM++ 2M").config.class_images.class_sampler == "dpmsolver++"
    with pytest.raises(UserError):
        typed(class_sampler="DPM++ 2M Karras")


def test_every_sampler_is_known_by_its_name_here_and_in_a1111() -> None:
    for name in get_args(Sampler):
        for spacing in ("", *SPACINGS):
            assert sampler_in(f"{name.upper()} {spacing}") == (name, spacing)
            assert sampler_in(f"{label_of(name)} {spacing}") == (name.removeprefix("k_"), spacing)


@pytest.mark.parametrize("text", [
    "save_model_as = 'safetensors'", "save_model_as = '.SafeTensors'", "use_safetensors = true",
    "use_safetensors = false", "save_model_as = ''",
])  # fmt: skip
@pytest.mark.parametrize("version", ["", "config_version = 1\n"])
def test_safetensors_is_what_is_written_anyway(tmp_path: Path, text: str, version: str) -> None:
    assert not codes(read(tmp_path, "a.toml", version + text))


@pytest.mark.parametrize("kind", ["ckpt", "pt", "diffusers"])
def test_another_kind_of_file_is_warned_of(tmp_path: Path, kind: str) -> None:
    loaded = read(tmp_path, "a.toml", f"save_model_as = '{kind}'")
    assert [kind in found.text for found in loaded.warnings if found.code == "always_safetensors"] == [True]
    assert "always_safetensors" in codes(typed(save_model_as=kind))


def test_what_is_not_needed_here_is_no_unknown_setting_in_any_kind_of_file(tmp_path: Path) -> None:
    theirs = {"v2": False, "xformers": True, "log_with": "", "full_bf16": True, "fp8_base": False,
              "v_parameterization": False, "use_8bit_adam": True}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps({**NEEDED, **theirs}), encoding="utf-8")
    loaded = read_config(tmp_path / "a.json")
    assert [found.params["name"] for found in loaded.warnings] == ["xformers"]
    assert (loaded.config.memory.full_half, loaded.config.training.mixed_precision) == (True, "bf16")
    assert loaded.config.optimizer.optimizer_type == "AdamW8bit"


def test_arguments_of_a_network_are_read_from_the_command_line_too() -> None:
    network = typed(network_args=["conv_dim=4 conv_alpha=2"]).config.network
    assert (network.conv_dim, network.conv_alpha) == (4, 2)


def test_arguments_may_be_a_table(tmp_path: Path) -> None:
    config = read(tmp_path, "a.toml", "[network_args]\nconv_dim = 4\n[optimizer_args]\nweight_decay = 0.1").config
    assert config.network.conv_dim == 4
    assert config.optimizer.optimizer_args == ["weight_decay=0.1"]


def test_arguments_of_a_schedule_that_are_settings_here_become_them(tmp_path: Path) -> None:
    text = "lr_scheduler = 'cosine_with_restarts'\nlr_scheduler_args = 'num_cycles = 3,'"
    assert read(tmp_path, "a.toml", text).config.optimizer.lr_scheduler_num_cycles == 3


@pytest.mark.parametrize("text", [
    "conv_dim = 0\nconv_alpha = 0", "network_args = ['conv_dim=0', 'conv_alpha=0']", "vae_batch_size = 0",
    "multires_noise_iterations = 0\nmultires_noise_discount = 0", "huber_c = 0", "clip_skip = 0",
    "network_args = ['loraplus_lr_ratio=0']", "lr_scheduler_num_cycles = 0", "stop_text_encoder_training = 0",
    "unit = 0", "gradient_accumulation_steps = 0", "sigmoid_scale = '0'",
])  # fmt: skip
def test_zeros_for_what_is_not_used_change_nothing(tmp_path: Path, text: str) -> None:
    loaded = read(tmp_path, "a.toml", text)
    assert loaded.config == read(tmp_path, "b.toml", "").config
    assert not codes(loaded)


def test_a_zero_that_would_be_used_is_still_out_of_bounds(tmp_path: Path) -> None:
    for text in ("multires_noise_iterations = 6\nmultires_noise_discount = 0", "train_batch_size = 0"):
        with pytest.raises(UserError) as error:
            read(tmp_path, "a.toml", text)
        assert [found.code for found in error.value.problems] == ["out_of_bounds"]


def test_no_alpha_is_as_much_as_the_rank(tmp_path: Path) -> None:
    text = "network_dim = 8\nnetwork_alpha = 0\nnetwork_args = ['conv_dim=4', 'conv_alpha=0']"
    network = read(tmp_path, "a.toml", text).config.network
    assert (network.network_alpha, network.conv_alpha) == (8, 4)


@pytest.mark.parametrize("text", [
    "network_module = 'lycoris.kohya'\nnetwork_dim = 100000\nnetwork_alpha = 100000\n"
    "network_args = ['algo=lokr', 'conv_dim=100000', 'conv_alpha=1']",
    "config_version = 1\nLoRA_type = 'LoKr'\nnetwork_dim = 10000\nconv_dim = 10000",
])  # fmt: skip
def test_ranks_above_every_layer_are_the_full_matrix(tmp_path: Path, text: str) -> None:
    loaded = read(tmp_path, "a.toml", text)
    assert loaded.config.algorithm.full_matrix
    assert (loaded.config.network.network_dim, loaded.config.network.conv_dim) == (1024, 1024)
    assert codes(loaded) == {"lokr_full_dimension"}


def test_a_full_matrix_in_some_layers_only_is_answered_with_full_matrix(tmp_path: Path) -> None:
    text = "network_module = 'lycoris.kohya'\nnetwork_dim = 16\nnetwork_args = ['algo=lokr', 'conv_dim=100000']"
    with pytest.raises(UserError, match="full_matrix = true"):
        read(tmp_path, "a.toml", text)


def test_such_ranks_are_out_of_bounds_for_others(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="network_dim = 100000"):
        read(tmp_path, "a.toml", "network_dim = 100000")


@pytest.mark.parametrize("text", [
    "[a]\nresolution = '512,512'\n[b]\nresolution = '512,512'", "[a]\nresolution = 512\n[b]\nresolution = '512'",
    "[a]\nlearning_rate = 1e-4\n[b]\nlearning_rate = 0.0001", "network_args = ['conv_dim=4']\n[x]\nconv_dim = 4",
])  # fmt: skip
def test_a_value_given_twice_is_no_conflict(tmp_path: Path, text: str) -> None:
    assert not codes(read(tmp_path, "a.toml", text))


@pytest.mark.parametrize(("name", "text", "told"), [
    ("a.toml", "resolution = 512\n[data]\nresolution = 768", ("the top level", "[data]", "512", "768")),
    ("a.toml", "network_args = ['conv_dim=4']\n[x]\nconv_dim = 8", ("network_args", "4", "8")),
    ("a.toml", "network_module = 'networks.lora'\nLoRA_type = 'LoHa'", ("in network_module", "'LoRA'", "'LoHa'")),
])
def test_two_values_are_told_with_both_places(tmp_path: Path, name: str, text: str, told: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, name, text)
    (found,) = error.value.problems
    assert found.code == "setting_twice"
    assert all(words in found.text for words in told), found.text


@pytest.mark.parametrize("text", ["", "network_module = ''\n", "network_args = []\n", "network_args = ['factor=4']\n"])
def test_a_lora_type_without_a_module_stands_alone(tmp_path: Path, text: str) -> None:
    loaded = read(tmp_path, "a.toml", text + "LoRA_type = 'LoKr'\noptimizer_type = 'AdamW'\nxformers = true")
    assert loaded.config.network.LoRA_type == "LoKr"


def test_two_values_in_json_are_told_and_one_is_not(tmp_path: Path) -> None:
    start = json.dumps(NEEDED)[:-1]
    (tmp_path / "a.json").write_text(start + ', "seed": 1, "seed": 1}', encoding="utf-8")
    assert read_config(tmp_path / "a.json").config.training.seed == 1
    (tmp_path / "a.json").write_text(start + ', "seed": 1, "seed": 2}', encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_config(tmp_path / "a.json")
    assert [found.code for found in error.value.problems] == ["key_twice"]


def test_a_name_twice_in_one_table_is_told_as_that(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, "a.toml", "seed = 1\nseed = 1")
    assert [found.code for found in error.value.problems] == ["config_name_twice"]


def test_what_kohya_ss_writes_for_its_trainer_is_read(tmp_path: Path) -> None:
    text = "epoch = 1\nnoise_offset_type = 'Original'\noptimizer_args = []\nnetwork_args = []\ndynamo_backend = 'no'"
    assert not codes(read(tmp_path, "config_lora-20260101-000000.toml", text)) - {"sd_scripts_unneeded"}


def test_arguments_are_exported_one_by_one(tmp_path: Path) -> None:
    config = typed(optimizer_args=["weight_decay = 0.1, eps=1e-6,"]).config
    assert '["weight_decay=0.1", "eps=1e-6"]' in export_toml(config).replace("[ ", "[").replace(",]", "]")


def test_defaults_that_differ_are_one_warning(tmp_path: Path) -> None:
    (found,) = [one for one in read(tmp_path, "a.toml", "").warnings if one.code == "sd_scripts_defaults_differ"]
    assert found.params["count"] == len(found.params["settings"].params["items"]) > 10
    assert "\n" not in found.text


def test_a_value_on_the_command_line_several_times_is_told_unless_it_is_a_list() -> None:
    assert typed(base_weights=["/a.safetensors", "/b.safetensors"]).config.algorithm.base_weights == [
        "/a.safetensors", "/b.safetensors",
    ]
    assert typed(seed=["3", "3"]).config.training.seed == 3
    with pytest.raises(UserError) as error:
        typed(seed=["3", "4"])
    assert [found.code for found in error.value.problems] == ["given_several_values"]
