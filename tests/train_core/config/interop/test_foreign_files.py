"""Files of programs that are not read are called by their names: one message, and no guesses at single settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from train_core.config.files import read_config, read_tool
from train_core.config.jobs.tools import ResizeLora
from train_core.config.problems import UserError

AI_TOOLKIT = "job: extension\nconfig:\n  name: a\n  process:\n    - type: 'sd_trainer'\n      training_folder: output\n"
LORA_EASY = '[[subsets]]\n[train_mode]\ntrain_mode = "lora"\n[network_args.args]\nnetwork_dim = 8\n'
READ = {
    ("a.json", '{"LoRA_type": "Standard", "max_resolution": "512,512", "optimizer": "AdamW", "epoch": 1}'): "kohya_ss",
    ("a.json", '{"pretrained_model_name_or_path": "/m", "epoch": 1, "optimizer": "AdamW"}'): "kohya_ss",
    ("a.toml", LORA_EASY): "LoRA Easy Training Scripts",
}
FILES = {
    ("a.json", '{"__version": 10, "training_method": "LORA", "learning_rate_scheduler": "CONSTANT"}'): "OneTrainer",
    ("b.json", '{"base_model_name": "x", "training_method": "LORA", "optimizer": {}}'): "OneTrainer",
    ("a.json", '[{"name": "x", "path": "/images", "text": {}, "image": {}}]'): "OneTrainer",
    ("a.yaml", AI_TOOLKIT): "ai-toolkit",
    ("a.json", '{"job": "extension", "config": {"name": "a", "process": []}}'): "ai-toolkit",
    ("a.json", '{"model_family": "sdxl", "data_backend_config": "x.json"}'): "SimpleTuner",
    ("a.json", '{"nodes": [], "links": []}'): "ComfyUI",
}


@pytest.mark.parametrize(("file", "program"), FILES.items(), ids=[f"{n}-{file[0]}" for file, n in FILES.items()])
def test_another_programs_file_is_called_by_its_name(tmp_path: Path, file: tuple[str, str], program: str) -> None:
    (tmp_path / file[0]).write_text(file[1], encoding="utf-8")
    for read in (read_config, lambda path: read_tool(ResizeLora, path, {})):
        with pytest.raises(UserError) as error:
            read(tmp_path / file[0])
        (found,) = error.value.problems
        assert found.code == "settings_of_another_program"
        assert found.params["program"] == program
        assert program in str(found.text)


@pytest.mark.parametrize(("file", "program"), READ.items(), ids=[f"{n}-{file[0]}" for file, n in READ.items()])
def test_a_file_for_a_training_is_refused_by_other_jobs(tmp_path: Path, file: tuple[str, str], program: str) -> None:
    (tmp_path / file[0]).write_text(file[1], encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_tool(ResizeLora, tmp_path / file[0], {})
    (found,) = error.value.problems
    assert (found.code, found.params["program"]) == ("settings_for_training", program)


def test_a_preset_of_kohya_ss_trains_as_it_is(tmp_path: Path) -> None:
    preset = {
        "pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "images", "output_dir": "out",
        "max_resolution": "640,512", "optimizer": "AdamW", "epoch": "3", "vae_batch_size": 0, "network_dim": 8,
        "future_field": True,
    }  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(preset), encoding="utf-8")
    loaded = read_config(tmp_path / "a.json")
    assert loaded.config.training.max_train_epochs == 3
    assert loaded.config.dataset.train_data_dir == str(tmp_path / "images")
    told = {found.code: found for found in loaded.warnings}
    assert {"settings_imported", "import_not_understood", "import_defaults"} <= told.keys()
    assert "future_field" in told["import_not_understood"].text


def test_a_form_of_lora_scripts_trains_as_it_is(tmp_path: Path) -> None:
    text = 'model_train_type = "sd-lora"\npretrained_model_name_or_path = "/m.safetensors"\ntrain_data_dir = "img"\n' \
           'output_dir = "out"\nnetwork_module = "lycoris.kohya"\nlycoris_algo = "loha"\nconv_dim = 4\n'
    (tmp_path / "a.toml").write_text(text, encoding="utf-8")
    loaded = read_config(tmp_path / "a.toml")
    assert (loaded.config.network.LoRA_type, loaded.config.network.conv_dim) == ("LoHa", 4)
    assert loaded.config.dataset.train_data_dir == str(tmp_path / "img")
    assert "settings_imported" in {found.code for found in loaded.warnings}


def test_a_file_with_subsets_of_images_asks_for_its_dataset_file_first(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(LORA_EASY.replace("[[subsets]]", '[[subsets]]\nimage_dir = "x"'), "utf-8")
    with pytest.raises(UserError) as error:
        read_config(tmp_path / "a.toml")
    assert [found.code for found in error.value.problems] == ["import_subsets_first"]


@pytest.mark.parametrize(("name", "text", "code"), [
    ("a.yml", "network_dim: 4\n", "settings_in_yaml"),
    ("a.toml", "[general]\n[[datasets]]\nresolution = 64\n", "settings_are_a_dataset_file"),
])
def test_files_of_other_kinds_are_told_apart_too(tmp_path: Path, name: str, text: str, code: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_config(tmp_path / name)
    assert [found.code for found in error.value.problems] == [code]


def test_our_own_preset_is_no_one_elses_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"config_version": 1, "max_resolution": "512"}), encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_config(tmp_path / "a.json")
    assert [found.code for found in error.value.problems] == ["unknown_setting_near"]
