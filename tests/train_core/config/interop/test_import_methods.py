"""Settings of sd-scripts' and kohya_ss' other trainings, whole models and new words, and the way back to them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from train_core.config.checks.consistency import learning_rates
from train_core.config.files import read_config
from train_core.config.interop.imports.recognise import import_text
from train_core.config.interop.imports.report import Import
from train_core.config.interop.kohya_ss_export import export_kohya_ss, lost_in_kohya_ss
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.interop.sd_scripts_import import from_sd_scripts
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.config.tables import dump_tables

Values = dict[str, Any]
BLOCK_LR = ",".join(["2e-5", *["1e-5"] * 9, *["2e-5"] * 3, *["0"] * 9, "2e-5"])
FACTORS = {
    "unet_lr": 2e-5, "down_lr_weight": ",".join(["0.5"] * 9), "mid_lr_weight": "1,1,1",
    "up_lr_weight": ",".join(["0"] * 9),
}  # fmt: skip
BASE = {"pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/d", "output_dir": "/o"}

# Options of sd-scripts' scripts, and the settings that they mean.
SCRIPTS: dict[str, tuple[str, Values, Values]] = {
    "train_db trains the text encoder at the same rate": (
        "train_db", {"learning_rate": 1e-6},
        {"training_method": "DreamBooth", "network_train_unet_only": False, "text_encoder_lr": "",
         "learning_rate": 1e-6},
    ),
    "train_db with a rate of its own": (
        "train_db", {"learning_rate": 2e-6, "learning_rate_te": 1e-6, "stop_text_encoder_training": 500},
        {"text_encoder_lr": "1e-06", "stop_text_encoder_training": "500", "network_train_unet_only": False},
    ),
    "train_db never trains it": (
        "train_db", {"learning_rate": 2e-6, "stop_text_encoder_training": -1}, {"network_train_unet_only": True},
    ),
    "a text rate of zero leaves it as it is": (
        "train_db", {"learning_rate": 2e-6, "learning_rate_te": 0}, {"network_train_unet_only": True},
    ),
    "fine_tune leaves the text encoder as it is": (
        "fine_tune", {"learning_rate": 1e-5, "in_json": "/meta.json"},
        {"training_method": "fine-tuning", "network_train_unet_only": True, "in_json": "/meta.json"},
    ),
    "fine_tune with the text encoder": (
        "fine_tune", {"learning_rate": 1e-5, "train_text_encoder": True, "learning_rate_te": 5e-6},
        {"network_train_unet_only": False, "text_encoder_lr": "5e-06"},
    ),
    "sdxl_train with one of its text encoders": (
        "sdxl_train", {"learning_rate": 1e-5, "train_text_encoder": True, "learning_rate_te1": 5e-6,
                       "learning_rate_te2": 0},
        {"training_method": "fine-tuning", "text_encoder_lr": "5e-06,0", "network_train_unet_only": False},
    ),
    "the rate that is missing is the main one": (
        "sdxl_train", {"learning_rate": 1e-5, "train_text_encoder": True, "learning_rate_te2": 2e-6},
        {"text_encoder_lr": "1e-05,2e-06"},
    ),
    "rates of text encoders that do not learn": (
        "sdxl_train", {"learning_rate": 1e-5, "learning_rate_te1": 1e-6, "learning_rate_te2": 1e-6},
        {"network_train_unet_only": True, "text_encoder_lr": ""},
    ),
    "sdxl_train by blocks": ("sdxl_train", {"block_lr": BLOCK_LR}, {**FACTORS, "network_train_unet_only": True}),
    "groups of a fused optimizer": (
        "sdxl_train", {"fused_optimizer_groups": 10, "max_grad_norm": 0}, {"fused_backward_pass": True},
    ),
    "only the text encoder": (
        "fine_tune", {"learning_rate": 0, "train_text_encoder": True, "learning_rate_te": 1e-6},
        {"network_train_text_encoder_only": True, "text_encoder_lr": "1e-06"},
    ),
    "the format of the base model": (
        "train_db", {"pretrained_model_name_or_path": "/m.ckpt", "learning_rate_te": 1e-6}, {"save_model_as": "ckpt"},
    ),
    "a folder": ("fine_tune", {"save_model_as": "diffusers_safetensors"}, {"save_model_as": "diffusers"}),
    "safetensors by the old switch": (
        "train_db", {"pretrained_model_name_or_path": "/m.ckpt", "use_safetensors": True},
        {"save_model_as": "safetensors"},
    ),
    "a new word": (
        "train_textual_inversion",
        {"token_string": "zuko", "init_word": "fox", "num_vectors_per_token": 5, "use_object_template": True,
         "weights": "/old.pt"},
        {"training_method": "textual inversion", "token_string": "zuko", "init_word": "fox",
         "num_vectors_per_token": "5", "caption_template": "object", "embedding_weights": ["/old.pt"],
         "save_model_as": "pt"},
    ),
    "an adapter all the same": (
        "train_network", {"network_dim": 4, "learning_rate": 1e-4}, {"training_method": "LoRA", "network_dim": 4},
    ),
}  # fmt: skip
# What tells the script where only its options are known.
TELLING = {
    "train_db never trains it", "train_db trains the text encoder at the same rate", "a folder",
    "fine_tune leaves the text encoder as it is", "safetensors by the old switch",
}  # fmt: skip


def held(found: TrainConfig, expected: Values) -> Values:
    settings = found.flat()
    return {name: settings[name] for name in expected}


def flags(options: Values) -> str:
    return " ".join(f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items())


@pytest.mark.parametrize("case", SCRIPTS)
def test_a_script_means_these_settings(case: str) -> None:
    script, options, expected = SCRIPTS[case]
    text = f"#!/bin/sh\naccelerate launch sd-scripts/{script}.py {flags({**BASE, **options})}\n"
    found = import_text(text, Path("a.sh"), None)
    assert held(found.config(), expected) == expected
    assert not found.not_understood


@pytest.mark.parametrize("case", sorted(SCRIPTS.keys() - TELLING))
def test_a_file_of_its_options_means_the_same(case: str, tmp_path: Path) -> None:
    _, options, expected = SCRIPTS[case]
    found = import_text(dump_tables({**BASE, **options}), Path("a.toml"), None)
    assert held(found.config(), expected) == expected
    assert not found.not_understood
    path = tmp_path / "a.toml"
    path.write_text(dump_tables({"a": {**BASE, **options}}), encoding="utf-8")
    assert held(read_config(path).config, expected) == expected


def test_what_a_script_does_not_look_at_has_no_effect_here() -> None:
    text = "accelerate launch train_db.py --full_bf16 --mixed_precision=bf16 --fused_backward_pass --learning_rate=1e-6"
    found = import_text(text, Path("a.sh"), None)
    assert not found.config().memory.full_half
    assert not found.config().optimizer.fused_backward_pass
    assert {one.name for one in found.left_out} == {"--full_bf16", "--fused_backward_pass"}


@pytest.mark.parametrize("rates", ["1e-5", ",".join(["1e-5"] * 22 + ["2e-5"]), ",".join(["0"] * 23), "x" * 23])
def test_rates_of_blocks_that_mean_none_here_are_refused_by_name(rates: str) -> None:
    with pytest.raises(UserError, match="block_lr in the file needs 23 rates"):
        from_sd_scripts({"block_lr": rates, "learning_rate": 1e-5}, "the file")
    found = import_text(dump_tables({"block_lr": rates, "learning_rate": 1e-5}), Path("a.toml"), None)
    assert [one.name for one in found.not_understood] == ["block_lr"]


TABS: dict[str, tuple[Values, Values]] = {
    "DreamBooth for SD 1.x": (
        {"sdxl": False, "learning_rate": 2e-6, "learning_rate_te": 1e-6, "learning_rate_te1": 5e-5,
         "learning_rate_te2": 5e-5, "stop_text_encoder_training": 30, "no_token_padding": True, "prior_loss_weight": 0,
         "full_bf16": True, "mixed_precision": "bf16", "save_model_as": "same as source model",
         "pretrained_model_name_or_path": "/m.ckpt", "reg_data_dir": "/reg"},
        {"training_method": "DreamBooth", "learning_rate": 2e-6, "text_encoder_lr": "1e-06",
         "stop_text_encoder_training": "30%", "prior_loss_weight": 0.0, "full_half": False, "save_model_as": "ckpt",
         "reg_data_dir": "/reg", "network_train_unet_only": False},
    ),
    "DreamBooth for SDXL": (
        {"sdxl": True, "learning_rate": 4e-7, "learning_rate_te": 1e-5, "learning_rate_te1": 3e-6,
         "learning_rate_te2": 0, "full_bf16": True, "mixed_precision": "bf16", "fused_backward_pass": True,
         "stop_text_encoder_training": 30},
        {"training_method": "DreamBooth", "text_encoder_lr": "3e-06,0", "full_half": True, "fused_backward_pass": True,
         "stop_text_encoder_training": ""},
    ),
    "DreamBooth for SDXL without text encoders": (
        {"sdxl": True, "learning_rate": 1e-5, "learning_rate_te1": 0, "learning_rate_te2": 0.0},
        {"network_train_unet_only": True, "text_encoder_lr": ""},
    ),
    "fine-tuning": (
        {"image_folder": "/img", "train_dir": "/meta", "use_latent_files": "No", "learning_rate": 1e-5,
         "learning_rate_te": 5e-6, "train_text_encoder": True, "dataset_repeats": "40", "batch_size": "4",
         "save_model_as": "diffusers"},
        {"training_method": "fine-tuning", "train_data_dir": "/img", "in_json": "/meta/meta_cap.json",
         "text_encoder_lr": "5e-06", "network_train_unet_only": False, "dataset_repeats": 40, "train_batch_size": 1,
         "save_model_as": "diffusers"},
    ),
    "fine-tuning of the U-Net of SDXL by blocks": (
        {"sdxl_checkbox": True, "image_folder": "/img", "use_latent_files": "Yes", "train_text_encoder": False,
         "block_lr": BLOCK_LR, "fused_optimizer_groups": 4},
        {**FACTORS, "training_method": "fine-tuning", "network_train_unet_only": True, "fused_backward_pass": True},
    ),
    "DreamBooth for SDXL with flags": (
        {"sdxl": True, "learning_rate": 1e-5, "learning_rate_te1": 5e-6, "learning_rate_te2": 0,
         "additional_parameters": "--train_text_encoder --learning_rate_te1=3e-6 --learning_rate_te2 2e-6 --seed 7"},
        {"training_method": "DreamBooth", "text_encoder_lr": "3e-06,2e-06", "network_train_unet_only": False,
         "seed": 7},
    ),
    "fine-tuning by blocks in flags": (
        {"sdxl": True, "image_folder": "/img", "learning_rate": 1e-5, "train_text_encoder": False,
         "additional_parameters": f"--block_lr {BLOCK_LR} --fused_optimizer_groups 4"},
        {**FACTORS, "training_method": "fine-tuning", "network_train_unet_only": True, "fused_backward_pass": True},
    ),
    "DreamBooth for SD 1.x with flags that do nothing there": (
        {"learning_rate_te": 1e-6, "mixed_precision": "bf16", "save_model_as": "ckpt",
         "additional_parameters": "--full_bf16 --fused_backward_pass"},
        {"training_method": "DreamBooth", "full_half": False, "fused_backward_pass": False},
    ),
    "fine-tuning with a flag that does nothing there": (
        {"image_folder": "/img", "learning_rate": 1e-5, "additional_parameters": "--learning_rate_te2=1e-6"},
        {"training_method": "fine-tuning", "network_train_unet_only": True},
    ),
    "textual inversion": (
        {"token_string": "zuko", "init_word": "fox", "num_vectors_per_token": 8, "template": "style template",
         "weights": "", "learning_rate": 5e-3, "stop_text_encoder_training_pct": 0, "save_model_as": "safetensors"},
        {"training_method": "textual inversion", "token_string": "zuko", "init_word": "fox",
         "num_vectors_per_token": "8", "caption_template": "style", "learning_rate": 5e-3,
         "save_model_as": "safetensors"},
    ),
}  # fmt: skip


def preset(values: Values) -> Import:
    return import_text(json.dumps({"max_resolution": "512,512", "optimizer": "AdamW", **values}), Path("a.json"), None)


@pytest.mark.parametrize("tab", TABS)
def test_a_preset_of_another_tab_means_these_settings(tab: str) -> None:
    given, expected = TABS[tab]
    found = preset(given)
    assert held(found.config(), expected) == expected
    assert not found.not_understood
    assert not [note for note in found.notes if note.code == "import_other_method"]


@pytest.mark.parametrize("tab", TABS)
def test_it_can_be_written_back_for_the_same_tab(tab: str) -> None:
    given, _ = TABS[tab]
    found = preset(given)
    written = export_kohya_ss(found.config(), family=found.family)
    again = import_text(written, Path("b.json"), None)
    assert again.method == found.method
    first, second = found.config(), again.config()
    assert learning_rates(second) == learning_rates(first)
    names = ("training_method", "save_model_as", "stop_text_encoder_training", "token_string", "in_json",
             "up_lr_weight", "caption_template", "train_data_dir")  # fmt: skip
    assert held(second, dict.fromkeys(names)) == held(first, dict.fromkeys(names))
    assert not lost_in_kohya_ss(first, found.family)


@pytest.mark.parametrize("tab", TABS)
def test_it_can_be_written_for_the_script_that_does_the_same(tab: str) -> None:
    found = preset(TABS[tab][0])
    written = export_toml(found.config(), found.family)
    script = written.splitlines()[0].removeprefix("# For sd-scripts' ").removesuffix(".py.")
    wanted = {
        ("Dreambooth", False): "train_db", ("Finetuning", False): "fine_tune", ("Textual inversion", False):
        "train_textual_inversion",
    }.get((found.method, found.family == "SDXL"), "sdxl_train")  # fmt: skip
    assert script == wanted
    options = {name: value for table in tomllib.loads(written).values() for name, value in table.items()}
    plain = {name: value for name, value in options.items() if not isinstance(value, list)}
    text = f"python {script}.py {flags(plain)}"
    again = import_text(text, Path("b.sh"), None)
    assert learning_rates(again.config()) == learning_rates(found.config())
    assert not {"unet_lr", "text_encoder_lr", "network_module"} & options.keys()


def test_a_hypernetwork_is_no_training_of_theirs() -> None:
    config = TrainConfig.from_flat({"training_method": "hypernetwork"})
    for export in (export_toml, export_kohya_ss):
        with pytest.raises(UserError, match="trains hypernetworks"):
            export(config)
