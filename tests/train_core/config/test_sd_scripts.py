"""sd-scripts files: read wholly, and written so that sd-scripts reads them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest

from train_core.config.files import Loaded, read_config, read_values
from train_core.config.interop.kohya_ss_export import export_kohya_ss, lost_in_kohya_ss
from train_core.config.interop.lora_types import OF_KOHYA_SS
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.interop.sd_scripts_options import OPTIONS
from train_core.config.interop.unused_options import COMPANIONS, UNNEEDED
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.config.sections.network import LoraType

BASE = """
pretrained_model_name_or_path = "/m.safetensors"
train_data_dir = "/images"
output_dir = "/out"
"""


def read(tmp_path: Path, text: str) -> Loaded:
    (tmp_path / "theirs.toml").write_text(BASE + text, encoding="utf-8")
    return read_config(tmp_path / "theirs.toml")


def test_their_forms_become_our_settings(tmp_path: Path) -> None:
    config = read(tmp_path, """
        [additional]
        use_8bit_adam = true
        caption_extention = ".cap"
        network_module = "networks.lora"
        network_args = ["conv_dim=8", "conv_alpha=4", "rank_dropout=0.1"]
        optimizer_args = ["weight_decay=0.1", "betas=0.9,0.99"]
        text_encoder_lr = [5e-5, 1e-5]
        lr_warmup_steps = 0.1
        resolution = "640,512"
        xformers = true
        max_train_steps = 700
        """).config
    assert config.optimizer.optimizer_type == "AdamW8bit"
    assert config.optimizer.optimizer_args == ["weight_decay=0.1", "betas=0.9,0.99"]
    assert config.optimizer.text_encoder_lr == "5e-05,1e-05"
    assert config.optimizer.lr_warmup_steps == "0.1"
    assert config.captions.caption_extension == ".cap"
    assert (config.network.conv_dim, config.network.conv_alpha, config.network.rank_dropout) == (8, 4.0, 0.1)
    assert (config.training.max_train_steps, config.training.max_train_epochs) == (700, 0)


def test_their_epochs_replace_their_steps(tmp_path: Path) -> None:
    training = read(tmp_path, "max_train_steps = 1600\nmax_train_epochs = 4").config.training
    assert (training.max_train_steps, training.max_train_epochs) == (0, 4)


def test_what_we_do_not_follow_is_named_and_what_we_do_not_need_is_explained(tmp_path: Path) -> None:
    warnings = read(tmp_path, "deepspeed = true\nxformers = true\nv2 = false\nlowram = false").warnings
    named = {p.code: p.params["name"] for p in warnings if p.code != "sd_scripts_defaults_differ"}
    assert named == {"sd_scripts_refused": "deepspeed", "sd_scripts_unneeded": "xformers"}


def test_a_default_that_differs_is_reported_unless_the_file_sets_it(tmp_path: Path) -> None:
    def differing(text: str) -> set[str]:
        told = [p for p in read(tmp_path, text).warnings if p.code == "sd_scripts_defaults_differ"]
        return {one.params["name"] for p in told for one in p.params["settings"].params["items"]}

    assert {"caption_extension", "max_train_steps", "learning_rate"} <= differing("")
    said = 'caption_extension = ".txt"\nmax_train_epochs = 3\nlearning_rate = 1e-4'
    assert not {"caption_extension", "max_train_steps", "learning_rate"} & differing(said)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('network_module = "networks.oft"', "network_module_unknown"),
        ('network_module = "lycoris.kohya"\nnetwork_args = ["algo=lora2"]', "lycoris_algo_unknown"),
        ('network_args = ["no_such_argument=16"]', "network_args_unknown"),
        ('lr_scheduler_type = "torch.optim.lr_scheduler.StepLR"', "lr_scheduler_type_refused"),
        ("netwrok_dim = 4", "unknown_setting_near"),
    ],
)
def test_what_would_train_something_else_stops(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert error.value.problems[0].code == code


def test_no_option_of_theirs_is_both_ours_and_foreign() -> None:
    ours = {s.name for s in TrainConfig.settings()}
    assert not ours & (UNNEEDED.keys() | COMPANIONS)


def test_rates_and_schedules_become_our_settings(tmp_path: Path) -> None:
    config = read(tmp_path, """
        network_args = ["loraplus_lr_ratio=16", "down_lr_weight=0,0,0.5", "mid_lr_weight=1.0", "up_lr_weight=sine+.2"]
        optimizer_type = "my_package.Named"
        optimizer_args = ["note=a=b"]
        lr_scheduler = "piecewise_constant"
        lr_scheduler_args = ["step_rules=1:10,0.1:20,0.01"]
        fused_backward_pass = true
        max_grad_norm = 0.0
        """).config
    assert config.rates.loraplus_lr_ratio == 16
    assert (config.rates.down_lr_weight, config.rates.mid_lr_weight) == ("0,0,0.5", "1.0")
    assert config.rates.up_lr_weight == "sine+.2"
    assert (config.optimizer.lr_stages, config.optimizer.lr_scheduler_args) == ("1:10,0.1:20,0.01", [])
    assert config.optimizer.optimizer_args == ["note=a=b"]
    assert config.optimizer.fused_backward_pass


def test_their_adafactor_schedule_is_adafactors_own_rate(tmp_path: Path) -> None:
    optimizer = read(tmp_path, 'optimizer_type = "Adafactor"\nlr_scheduler = "adafactor:1e-4"').config.optimizer
    assert optimizer.lr_scheduler == "adafactor"


def test_stages_are_exported_as_step_rules_with_names_that_sd_scripts_knows(tmp_path: Path) -> None:
    ours = read(
        tmp_path, 'lr_scheduler = "staged"\nlr_stages = "5e-3:20, 1e-4"\nlearning_rate = 1e-3\nema_decay = 0.9\n'
        'network_args = ["loraplus_lr_ratio=16"]',
    ).config
    text = export_toml(ours)
    table = tomllib.loads(text)["optimizer"]
    assert (table["lr_scheduler"], table["lr_scheduler_args"]) == ("piecewise_constant", ["step_rules=5.0:20,0.1"])
    assert set(table) <= set(OPTIONS)
    assert "loraplus_lr_ratio=16.0" in tomllib.loads(text)["network"]["network_args"]


def test_export_is_read_back_as_the_same_training(tmp_path: Path) -> None:
    ours = read(tmp_path, 'network_args = ["conv_dim=8"]\nlr_warmup_steps = "10%"\nmin_snr_gamma = 5').config
    exported = tmp_path / "exported.toml"
    exported.write_text(export_toml(ours), encoding="utf-8")
    again = read_config(exported).config
    assert again.optimizer.lr_warmup_steps == "0.1"
    assert again.network == ours.network
    assert again.training == ours.training
    assert again.dataset == ours.dataset


def test_export_holds_only_names_that_sd_scripts_knows(tmp_path: Path) -> None:
    tables = tomllib.loads(export_toml(read(tmp_path, "max_token_length = 75").config))
    names = {name for table in tables.values() for name in table}
    assert not names & {"LoRA_type", "conv_dim", "use_cpu", "config_version", "max_token_length", "rank_dropout"}
    assert tables["network"]["network_module"] == "networks.lora"
    assert tables["memory"]["sdpa"] is True


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("fp8_base = true", {"base_precision": "fp8", "base_precision_parts": "all"}),
        ("fp8_base = true\nfp8_base_unet = true", {"base_precision": "fp8", "base_precision_parts": "unet"}),
        ("full_bf16 = true", {"full_half": True, "mixed_precision": "bf16"}),
        ("full_fp16 = true", {"full_half": True, "mixed_precision": "fp16"}),
        ("torch_compile = true", {"dynamo_backend": "inductor"}),
        ("torch_compile = true\ndynamo_backend = 'aot_eager'", {"dynamo_backend": "aot_eager"}),
        ("dynamo_backend = 'inductor'", {"dynamo_backend": "no"}),  # it means nothing there without the flag
        ("stop_text_encoder_training = 40", {"stop_text_encoder_training": "40"}),
        ("stop_text_encoder_training = -1", {"network_train_unet_only": True}),
    ],
)
def test_their_ways_of_saving_memory_and_stopping_are_ours_and_theirs_again(
    tmp_path: Path, theirs: str, ours: dict[str, Any]
) -> None:
    config = read(tmp_path, theirs).config
    assert config.flat() == {**config.flat(), **ours}
    exported = export_toml(config)
    if "stop_text_encoder_training" not in ours:
        (tmp_path / "again.toml").write_text(exported, encoding="utf-8")
        again = read_config(tmp_path / "again.toml").config
        assert (again.memory, again.training) == (config.memory, config.training)
    else:
        assert exported.startswith("# sd-scripts has nothing like stop_text_encoder_training = '40'.\n")


def test_a_sampler_that_they_lack_is_told_and_left_out() -> None:
    values = {"sample_prompts": "a cat", "sample_sampler": "dpmpp_2m_sde"}
    exported = export_toml(TrainConfig.from_flat(values))
    assert exported.startswith("# sd-scripts has nothing like sample_sampler = 'dpmpp_2m_sde'.\n")
    assert "sample_sampler" not in tomllib.loads(exported)["samples"]
    assert lost_in_kohya_ss(TrainConfig.from_flat(values)) == ["sample_sampler"]
    assert json.loads(export_kohya_ss(TrainConfig.from_flat(values)))["sample_sampler"] == "euler_a"


def test_what_they_cannot_do_is_told_at_the_top_of_an_export(tmp_path: Path) -> None:
    config = read(tmp_path, "base_precision = 'nf4'\nema_decay = 0.99\nblocks_to_swap = 3").config
    told = [line for line in export_toml(config).splitlines() if line.startswith("#")]
    assert [line.split()[5] for line in told] == ["blocks_to_swap", "ema_decay", "base_precision"]


def test_their_ways_of_naming_images_are_ours(tmp_path: Path) -> None:
    text = "reg_data_dir = '/reg'\nin_json = '/meta.json'\ndataset_repeats = 3\nprior_loss_weight = 0.5"
    config = read(tmp_path, text).config
    assert (config.dataset.reg_data_dir, config.dataset.in_json) == ("/reg", "/meta.json")
    assert (config.dataset.dataset_repeats, config.loss.prior_loss_weight) == (3, 0.5)
    exported = tomllib.loads(export_toml(config))
    assert exported["dataset"] == {**exported["dataset"], "reg_data_dir": "/reg", "in_json": "/meta.json"}
    assert (exported["dataset"]["dataset_repeats"], exported["loss"]["prior_loss_weight"]) == (3, 0.5)


def test_a_dataset_file_beside_folders_is_an_error_where_they_ignore_the_folders(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, "dataset_config = '/images.toml'\nreg_data_dir = '/reg'")
    assert {found.params["name"] for found in error.value.problems} == {"train_data_dir", "reg_data_dir"}


def test_folders_without_numbers_are_not_asked_of_them(tmp_path: Path) -> None:
    config = read(tmp_path, "").config
    dataset = config.dataset.model_copy(update={"class_folders": True, "dataset_repeats": 4})
    exported = tomllib.loads(export_toml(config.model_copy(update={"dataset": dataset})))
    assert not {"class_folders", "dataset_repeats"} & exported["dataset"].keys()


def test_an_option_of_another_method_is_named_with_the_method(tmp_path: Path) -> None:
    lines = "network_dim = 4\nlearning_rate_te = 1e-5\ntrain_text_encoder = false"
    warnings = read(tmp_path, lines).warnings
    told = {w.params["name"]: w.params["method"] for w in warnings if w.code == "sd_scripts_another_method"}
    assert told == {"learning_rate_te": "training a whole model"}


def test_options_of_textual_inversion_say_what_is_trained(tmp_path: Path) -> None:
    lines = "token_string = 'zuko'\nnum_vectors_per_token = 3\nuse_style_template = true\nweights = '/old.pt'"
    config = read(tmp_path, lines).config
    assert config.method.training_method == "textual inversion"
    found = config.embedding
    assert (found.token_string, found.num_vectors_per_token, found.caption_template) == ("zuko", "3", "style")
    assert found.embedding_weights == ["/old.pt"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ('network_module = "networks.dylora"\nnetwork_args = ["unit=2"]', {"LoRA_type": "DyLoRA", "unit": 2}),
        ('network_module = "networks.lora_fa"', {"LoRA_type": "LoRA-FA"}),
        (
            'network_module = "networks.loha"\nnetwork_args = ["use_tucker=True", "conv_dim=4"]',
            {"LoRA_type": "LoHa", "use_tucker": True, "conv_dim": 4, "LyCORIS_preset": "auto"},
        ),
        (
            'network_module = "lycoris.kohya"\nnetwork_args = ["algo=lokr", "factor=8", "preset=attn-mlp", '
            '"use_cp=True"]',
            {"LoRA_type": "LoKr", "factor": 8, "LyCORIS_preset": "attn-mlp", "use_tucker": True},
        ),
        ('network_module = "lycoris.kohya"', {"LoRA_type": "LoRA", "LyCORIS_preset": "full"}),
        (
            'network_module = "lycoris.kohya"\nnetwork_args = ["algo=boft", "constraint=1e-3", "dropout=0"]',
            {"LoRA_type": "BOFT", "constraint": 1e-3, "LyCORIS_preset": "full"},
        ),
        (
            'network_module = "lycoris.kohya"\nnetwork_args = ["algo=loha", "dora_wd=True", "wd_on_output=False"]',
            {"LoRA_type": "LoHa", "dora_wd": True, "wd_on_output": False},
        ),
        ("scale_weight_norms = 1.0\nbase_weights = ['/a.safetensors', '/b.safetensors']\n"
         "base_weights_multiplier = [0.5, 1.0]",
         {"scale_weight_norms": 1.0, "base_weights": ["/a.safetensors", "/b.safetensors"],
          "base_weights_multiplier": ["0.5", "1.0"]}),
        ("no_metadata = true", {"metadata_depth": "minimal"}),
    ],
)  # fmt: skip
def test_their_networks_are_ours_and_theirs_again(tmp_path: Path, theirs: str, ours: dict[str, Any]) -> None:
    config = read(tmp_path, theirs).config
    assert config.flat() == {**config.flat(), **ours}
    (tmp_path / "again.toml").write_text(export_toml(config), encoding="utf-8")
    again = read_config(tmp_path / "again.toml").config
    changed = {name for name, value in again.flat().items() if value != config.flat()[name]}
    if ours.get("LyCORIS_preset") == "auto":  # LyCORIS has no name for it
        changed.remove("LyCORIS_preset")
    assert not changed & {s.name for s in TrainConfig.settings() if s.section in ("network", "algorithm", "output")}


def test_the_axis_of_dora_is_said_where_a_file_leaves_it_open(tmp_path: Path) -> None:
    def told(arguments: str) -> bool:
        text = f'network_module = "lycoris.kohya"\nnetwork_args = [{arguments}]'
        (differing,) = [p for p in read(tmp_path, text).warnings if p.code == "sd_scripts_defaults_differ"]
        return any(one.params["name"] == "wd_on_output" for one in differing.params["settings"].params["items"])

    assert told('"dora_wd=True"')
    assert not told('"dora_wd=True", "wd_on_output=True"')
    assert not told('"algo=loha"')


@pytest.mark.parametrize("name", OF_KOHYA_SS)
def test_every_lora_type_of_kohya_ss_is_one_of_ours(tmp_path: Path, name: str) -> None:
    (tmp_path / "preset.json").write_text(json.dumps({"config_version": 1, "LoRA_type": name}), encoding="utf-8")
    values, _ = read_values(tmp_path / "preset.json")
    assert values["LoRA_type"] in get_args(LoraType)
    assert ("LyCORIS_preset" in values) == name.startswith(("LyCORIS/", "LoCon"))


def test_layers_that_have_no_name_there_are_told(tmp_path: Path) -> None:
    config = read(tmp_path, 'network_module = "networks.loha"\nnetwork_args = ["conv_dim=4"]').config
    assert "# sd-scripts has nothing like LyCORIS_preset = 'auto'.\n" in export_toml(config)


def test_ranks_by_block_that_choose_other_layers_there_are_told_on_import(tmp_path: Path) -> None:
    blocks = ",".join(["4"] * 25)
    for more, told in (("", True), ('"conv_dim=4"', False), (f'"conv_block_dims={blocks}"', False)):
        args = f'["block_dims={blocks}", {more}]'
        loaded = read(tmp_path, f'network_module = "networks.lora"\nnetwork_args = {args}\n')
        codes = [warning.code for warning in loaded.warnings]
        assert ("block_dims_train_more_there" in codes) is told


def test_ranks_of_convolutions_by_block_are_exported_with_the_others_that_they_need_there() -> None:
    by_block = ",".join(["2"] * 25)
    config = TrainConfig.from_flat({"conv_block_dims": by_block, "network_dim": 8})
    args = tomllib.loads(export_toml(config))["network"]["network_args"]
    assert {f"conv_block_dims={by_block}", "block_dims=" + ",".join(["8"] * 25)} <= set(args)
