"""Files of sd-scripts, lora-scripts and LoRA Easy Training Scripts, scripts, and trained files as settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_core.config.interop.imports.recognise import import_text
from train_core.config.interop.imports.report import Import
from train_core.config.interop.imports.shell_scripts import MOST_LETTERS, read_script
from train_core.config.interop.imports.trained_files import from_metadata
from train_core.config.problems import UserError

FOLDER = Path("/work-of-mine")

FORM = """
model_train_type = "sdxl-lora"
pretrained_model_name_or_path = "./sd-models/model.safetensors"
train_data_dir = "./train/aki"
resolution = "1024,1024"
max_train_epochs = 10
network_module = "lycoris.kohya"
lycoris_algo = "lokr"
lokr_factor = 8
conv_dim = 4
conv_alpha = 1
dylora_unit = 4
learning_rate = "1e-4"
optimizer_type = "Prodigy"
prodigy_d0 = ""
prodigy_d_coef = "2.0"
optimizer_args_custom = ["decouple=True", "weight_decay=0.01"]
network_args_custom = ["train_norm=True", "mystery=1"]
enable_preview = true
positive_prompts = "1girl, solo"
negative_prompts = "lowres"
sample_width = 832
sample_seed = 2333
randomly_choice_prompt = false
enable_block_weights = false
down_lr_weight = "1,1,1,1,1,1,1,1,1,1,1,1"
enable_base_weight = true
base_weights = "/a.safetensors\\n/b.safetensors\\n"
base_weights_multiplier = "0.5\\n1"
max_token_length = 255
clip_skip = 2
ui_custom_params = "clip_skip = 1"
log_with = "tensorboard"
"""
SCRIPT = """#!/bin/bash
# LoRA train script
pretrained_model="./sd-models/model.ckpt" # base model path | 底模路径
is_v2_model=0
train_data_dir="./train/aki"
reg_data_dir=""
network_module="lycoris.kohya"
network_dim=32
resolution="512,768"  # image resolution w,h. 图片分辨率，宽,高。
batch_size=2
max_train_epoches=12
save_every_n_epochs=2
train_unet_only=1
stop_text_encoder_training=0
noise_offset="0.1"
lr="2e-4"
lr_restart_cycles=3
output_name="aki"
clip_skip=2
optimizer_type="DAdaptation"
algo="loha"
conv_dim=4
use_wandb=0
wandb_api_key="my-secret"
export HF_HOME="huggingface"
extArgs=()
if [[ $reg_data_dir ]]; then extArgs+=("--reg_data_dir $reg_data_dir"); fi
python -m accelerate.commands.launch "./sd-scripts/train_network.py" \\
  --enable_bucket \\
  --pretrained_model_name_or_path=$pretrained_model \\
  --output_dir="./output" \\
  --log_prefix=$output_name --output_name=$output_name \\
  --learning_rate=$lr \\
  --mixed_precision="fp16" --seed="1337" \\
  --xformers --shuffle_caption ${extArgs[@]}
"""
POWERSHELL = """# LoRA train script
$pretrained_model = "./sd-models/model.ckpt" # base
$train_data_dir = "./train/aki"
$batch_size = 4
$network_dim = 16
$Env:HF_HOME = "huggingface"
$ext_args = [System.Collections.ArrayList]::new()
python -m accelerate.commands.launch "./sd-scripts/train_network.py" `
  --train_batch_size=$batch_size `
  --cache_latents
"""
OF_SUBSETS = """
[[subsets]]
num_repeats = 5
caption_extension = ".txt"
name = "cat"
image_dir = "5_cat"
shuffle_caption = true
flip_aug = false
[train_mode]
train_mode = "lora"
[general_args.args]
pretrained_model_name_or_path = "/m/a.safetensors"
max_train_epochs = 12
max_token_length = 225
sdxl = true
[general_args.dataset_args]
resolution = [1024, 832]
batch_size = 3
[network_args.args]
network_dim = 24
fa = false
[network_args.args.network_args]
conv_dim = 8
algo = "loha"
preset = ""
[optimizer_args.args]
optimizer_type = "AdamW8bit"
lr_scheduler = "cosine"
warmup_ratio = 0.05
lr_scheduler_type = "LoraEasyCustomOptimizer.CustomOptimizers.CosineAnnealingWarmupRestarts"
[optimizer_args.args.lr_scheduler_args]
min_lr = 1e-6
[optimizer_args.args.optimizer_args]
weight_decay = "0.1"
use_bias = "true"
[saving_args.args]
output_dir = "/out"
tag_occurrence = true
save_model_as = "safetensors"
"""
METADATA = {
    "ss_output_name": "cat", "ss_learning_rate": "0.0002", "ss_text_encoder_lr": "5e-05", "ss_unet_lr": "None",
    "ss_num_batches_per_epoch": "25", "ss_num_epochs": "10", "ss_max_train_steps": "250",
    "ss_batch_size_per_device": "2", "ss_network_module": "lycoris.kohya", "ss_network_dim": "16",
    "ss_network_alpha": "8.0", "ss_network_dropout": "None", "ss_mixed_precision": "bf16", "ss_v2": "False",
    "ss_base_model_version": "sdxl_base_v1-0", "ss_clip_skip": "2", "ss_max_token_length": "225",
    "ss_noise_offset": "0.05", "ss_optimizer": "bitsandbytes.optim.adamw.AdamW8bit(weight_decay=0.1,betas=(0.9, 0.99))",
    "ss_sd_model_name": "base.safetensors", "ss_sd_model_hash": "abc", "ss_tag_frequency": "{}",
    "ss_dataset_dirs": '{"5_cat": {"n_repeats": 5, "img_count": 10}}', "ss_resolution": "(1024, 768)",
    "ss_network_args": '{"conv_dim": "8", "algo": "loha", "dropout": null}', "ss_shuffle_caption": "True",
    "modelspec.author": "me", "modelspec.title": "cat", "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
    "modelspec.prediction_type": "v", "sshs_model_hash": "x",
}  # fmt: skip


def groups(found: Import) -> dict[str, set[str]]:
    lists = {"taken": found.taken, "changed": found.changed, "left_out": found.left_out,
             "not_understood": found.not_understood, "needs": found.needs}  # fmt: skip
    return {name: {one.name for one in entries} for name, entries in lists.items()}


def read(text: str, name: str) -> Import:
    return import_text(text, Path(name), FOLDER)


def said(found: Import, *names: str) -> dict[str, Any]:
    settings = found.config().flat()
    return {name: settings[name] for name in names}


def test_a_form_of_lora_scripts() -> None:
    found = read(FORM, "a.toml")
    assert (found.program, found.method, found.family) == ("lora-scripts", "LoRA", "SDXL")
    expected = {
        "pretrained_model_name_or_path": str(FOLDER / "sd-models/model.safetensors"),
        "train_data_dir": str(FOLDER / "train/aki"), "resolution": "1024,1024", "max_train_epochs": 10,
        "LoRA_type": "LoKr", "LyCORIS_preset": "full", "factor": 8, "conv_dim": 4, "conv_alpha": 1.0,
        "train_norm": True, "learning_rate": 1e-4, "optimizer_type": "Prodigy",
        "optimizer_args": ["decouple=True", "weight_decay=0.01", "d_coef=2.0"],
        "sample_prompts": "1girl, solo --n lowres --w 832 --d 2333", "down_lr_weight": "",
        "base_weights": ["/a.safetensors", "/b.safetensors"], "base_weights_multiplier": ["0.5", "1"],
        "max_token_length": 225, "clip_skip": 1,
    }  # fmt: skip
    assert said(found, *expected) == expected
    told = groups(found)
    assert told["not_understood"] == {"network_args_custom: mystery"}
    assert {"negative_prompts", "sample_width", "prodigy_d_coef"} <= told["changed"]


def test_sample_pictures_are_off_there_unless_asked_for() -> None:
    found = read(FORM.replace("enable_preview = true", "enable_preview = false"), "a.toml")
    assert said(found, "sample_prompts") == {"sample_prompts": ""}
    assert {"positive_prompts", "negative_prompts", "sample_width"} <= groups(found)["left_out"]


def test_a_template_of_lora_scripts() -> None:
    text = '[metadata]\nname = "LoKr"\nversion = "0.1"\nauthor = "x"\n[data]\nlycoris_algo = "lokr"\n' \
           'network_module = "lycoris.kohya"\nconv_dim = 10000\nlokr_factor = 8\n'
    found = read(text, "a.toml")
    assert said(found, "LoRA_type", "factor") == {"LoRA_type": "LoKr", "factor": 8}
    assert {"name", "version", "author"} <= groups(found)["left_out"]


def test_relative_paths_start_at_the_programs_own_folder(tmp_path: Path) -> None:
    (tmp_path / "train" / "aki").mkdir(parents=True)
    saved = tmp_path / "config" / "autosave"
    saved.mkdir(parents=True)
    found = import_text(FORM, saved / "a.toml", saved)
    assert said(found, "train_data_dir") == {"train_data_dir": str(tmp_path / "train/aki")}


def test_the_variables_of_train_sh_and_the_flags_of_its_trainer() -> None:
    found = read(SCRIPT, "train.sh")
    assert found.program == "lora-scripts"
    expected = {
        "pretrained_model_name_or_path": str(FOLDER / "sd-models/model.ckpt"),
        "train_data_dir": str(FOLDER / "train/aki"), "network_dim": 32, "resolution": "512,768", "train_batch_size": 2,
        "max_train_epochs": 12, "max_train_steps": 0, "save_every_n_epochs": 2, "network_train_unet_only": True,
        "noise_offset": 0.1, "learning_rate": 2e-4, "lr_scheduler_num_cycles": 1, "output_name": "aki", "clip_skip": 2,
        "optimizer_type": "DAdaptation", "optimizer_args": ["decouple=True"], "LoRA_type": "LoHa", "conv_dim": 4,
        "enable_bucket": True, "output_dir": str(FOLDER / "output"), "mixed_precision": "fp16", "seed": 1337,
        "shuffle_caption": True,
    }  # fmt: skip
    assert said(found, *expected) == expected
    told = groups(found)
    assert told["not_understood"] == set()
    assert {"HF_HOME", "--xformers", "use_wandb", "is_v2_model", "reg_data_dir"} <= told["left_out"]
    assert {"pretrained_model", "batch_size", "max_train_epoches", "lr"} <= told["changed"]
    assert {"--seed", "--enable_bucket", "train_data_dir"} <= told["taken"]
    assert "my-secret" not in repr(found)


def test_the_variables_of_train_ps1() -> None:
    found = read(POWERSHELL, "train.ps1")
    expected = {"train_batch_size": 4, "network_dim": 16, "cache_latents": True,
                "train_data_dir": str(FOLDER / "train/aki")}  # fmt: skip
    assert said(found, *expected) == expected
    assert groups(found)["not_understood"] == set()


def test_the_variables_of_a_batch_file() -> None:
    text = 'rem my training\nset NAME=fox\nset "DIM=16"\npython train_network.py --output_name=%NAME% ^\n' \
           ' --network_dim=%DIM% --max_train_epochs 3\n'
    assert said(read(text, "a.bat"), "output_name", "network_dim", "max_train_epochs") == {
        "output_name": "fox", "network_dim": 16, "max_train_epochs": 3,
    }  # fmt: skip


def test_a_script_of_ones_own_that_starts_sd_scripts() -> None:
    text = 'NAME=fox\naccelerate launch sd-scripts/sdxl_train_network.py --output_name "$NAME-v1" \\\n' \
           ' --network_args "conv_dim=4" "algo=loha" --network_module lycoris.kohya --max_train_steps=800 --odd 1\n'
    found = read(text, "mine.sh")
    assert said(found, "output_name", "LoRA_type", "conv_dim", "max_train_steps", "max_train_epochs") == {
        "output_name": "fox-v1", "LoRA_type": "LoHa", "conv_dim": 4, "max_train_steps": 800, "max_train_epochs": 0,
    }  # fmt: skip
    assert groups(found)["not_understood"] == {"--odd"}


def test_a_script_of_something_else_is_refused() -> None:
    with pytest.raises(UserError) as error:
        read("#!/bin/sh\necho hello\n", "a.sh")
    assert [found.code for found in error.value.problems] == ["import_no_script"]


def test_subsets_of_lora_easy_training_scripts_become_a_dataset_file() -> None:
    found = read(OF_SUBSETS, "a.toml")
    assert (found.program, found.family) == ("LoRA Easy Training Scripts", "SDXL")
    expected = {
        "resolution": "1024,832", "train_batch_size": 3, "max_train_epochs": 12, "network_dim": 24,
        "LoRA_type": "LoHa", "conv_dim": 8, "lr_warmup_steps": "5%", "lr_scheduler": "cosine_with_restarts",
        "optimizer_args": ["weight_decay=0.1", "use_bias=True"], "output_dir": "/out",
    }  # fmt: skip
    assert said(found, *expected) == expected
    assert found.dataset == {"datasets": [{"subsets": [
        {"num_repeats": 5, "caption_extension": ".txt", "image_dir": str(FOLDER / "5_cat"), "shuffle_caption": True}
    ]}]}  # fmt: skip
    assert groups(found)["not_understood"] == set()
    assert {"train_mode", "subsets", "sdxl", "tag_occurrence", "fa"} <= groups(found)["left_out"]


def test_the_box_for_lora_fa_and_the_unit_of_dylora() -> None:
    text = '[train_mode]\ntrain_mode = "lora"\n[network_args.args]\nfa = true\nnetwork_dim = 4\n'
    assert said(read(text, "a.toml"), "LoRA_type") == {"LoRA_type": "LoRA-FA"}
    text = "[network_args.args]\nnetwork_dim = 4\n[network_args.args.network_args]\nunit = 2\n"
    assert said(read(text, "a.toml"), "LoRA_type", "unit") == {"LoRA_type": "DyLoRA", "unit": 2}


def test_a_trained_file_tells_its_settings() -> None:
    found = from_metadata(METADATA, Path("cat.safetensors"))
    assert found.family == "SDXL"
    expected = {
        "output_name": "cat", "learning_rate": 2e-4, "text_encoder_lr": "5e-05", "unet_lr": None,
        "max_train_epochs": 10, "max_train_steps": 0, "train_batch_size": 2, "LoRA_type": "LoHa", "network_dim": 16,
        "network_alpha": 8.0, "conv_dim": 8, "mixed_precision": "bf16", "clip_skip": 2, "max_token_length": 225,
        "noise_offset": 0.05, "optimizer_type": "AdamW8bit",
        "optimizer_args": ["weight_decay=0.1", "betas=(0.9, 0.99)"], "resolution": "1024,768", "shuffle_caption": True,
        "metadata_author": "me", "v_parameterization": "v", "metadata_title": "",
    }  # fmt: skip
    assert said(found, *expected) == expected
    asked = {need.setting: need.question.code for need in found.needs}
    assert asked == {
        "pretrained_model_name_or_path": "import_named_file", "train_data_dir": "import_named_folders",
    }  # fmt: skip
    assert groups(found)["not_understood"] == set()
    assert sum(len(names) for names in groups(found).values()) == len(METADATA)


def test_steps_are_meant_where_epochs_would_make_more_of_them() -> None:
    found = from_metadata({**METADATA, "ss_max_train_steps": "240"}, Path("cat.safetensors"))
    assert said(found, "max_train_steps", "max_train_epochs") == {"max_train_steps": 240, "max_train_epochs": 0}


def test_a_file_trained_with_a_dataset_file_tells_what_its_subsets_share() -> None:
    datasets = '[{"batch_size_per_device": 3, "resolution": [512, 640], "subsets": [{"keep_tokens": 2, "flip_aug": ' \
               'true}, {"keep_tokens": 2, "flip_aug": false}, {"is_reg": true}]}]'
    own = ("ss_resolution", "ss_batch_size_per_device")  # a file with several datasets says these for each
    metadata = {name: text for name, text in METADATA.items() if name not in own}
    found = from_metadata({**metadata, "ss_datasets": datasets}, Path("cat.safetensors"))
    assert said(found, "train_batch_size", "resolution", "keep_tokens", "flip_aug") == {
        "train_batch_size": 3, "resolution": "512,640", "keep_tokens": 2, "flip_aug": False,
    }  # fmt: skip


def test_a_file_without_metadata_of_a_training_is_refused() -> None:
    with pytest.raises(UserError) as error:
        from_metadata({"format": "pt"}, Path("a.safetensors"))
    assert [found.code for found in error.value.problems] == ["import_no_metadata"]


def test_options_of_sd_scripts() -> None:
    text = "network_dim = 8\nmax_train_steps = 500\nsdxl = true\nodd = 1\nsdpa = true\nfp8_base = true\n"
    found = read(text, "a.toml")
    assert (found.program, found.family) == ("sd-scripts", "SDXL")
    assert said(found, "network_dim", "max_train_steps", "max_train_epochs", "base_precision") == {
        "network_dim": 8, "max_train_steps": 500, "max_train_epochs": 0, "base_precision": "fp8",
    }  # fmt: skip
    assert groups(found) == {"taken": {"network_dim", "max_train_steps"}, "changed": {"fp8_base"},
                             "left_out": {"sdxl", "sdpa"}, "not_understood": {"odd"}, "needs": set()}  # fmt: skip
    assert {one.setting for one in found.defaulted} >= {"mixed_precision", "optimizer_type"}


def test_a_dataset_file_is_chosen_as_one() -> None:
    found = read("[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = 'x'\n", "d.toml")
    assert said(found, "dataset_config") == {"dataset_config": str(FOLDER / "d.toml")}


def test_our_own_preset_keeps_what_it_was_made_from() -> None:
    text = '{"config_version": 1, "network_dim": 8, "imported_from": {"program": "kohya_ss", "values": {"odd": 1}}}'
    found = read(text, "a.json")
    assert (found.program, said(found, "network_dim")) == ("Crucible", {"network_dim": 8})
    assert (found.kept.program, found.kept.values) == ("kohya_ss", {"odd": 1})


def test_a_script_cannot_grow_without_end() -> None:
    doubled = "a0=xx\n" + "".join(f"a{n}=$a{n - 1}$a{n - 1}\n" for n in range(1, 60))
    found = read_script(f"{doubled}python train_network.py --output_name=$a3 --seed={'1' * 300_000}")
    assert found.variables["a3"] == "x" * 16
    assert max(len(str(value)) for value in found.given().values()) <= MOST_LETTERS
    assert "$a" in found.variables["a59"]  # what was too long stays as it was written
