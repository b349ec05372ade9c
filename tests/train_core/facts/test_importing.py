"""Opening files of other programs: what needs the disk, and what is written and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.readers import TRAINED, safetensors, tensor
from tests.pictures import image_folder
from train_core.config.files import read_config, read_values, write_preset, write_toml
from train_core.config.image_settings import DataSettings
from train_core.config.interop.kohya_ss_export import export_kohya_ss
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.problems import UserError
from train_core.facts.datasets.subsets import survey
from train_core.facts.importing import open_foreign, with_dataset_file
from train_core.facts.models.hub import remember

PRESET: dict[str, Any] = {
    "LoRA_type": "LyCORIS/LoHa", "max_resolution": "768,512", "network_dim": "8", "network_alpha": 4, "conv_dim": 4,
    "conv_alpha": 2, "epoch": 6, "max_train_steps": 0, "lr_warmup": 5, "learning_rate": "1e-4", "unet_lr": 1e-4,
    "text_encoder_lr": 5e-5, "optimizer": "AdamW", "sdxl": True, "train_data_dir": "/data/img",
    "output_dir": "/data/out", "xformers": "sdpa", "clip_skip": "2", "noise_offset": 0.05, "future_field": [1, 2],
    "additional_parameters": "--min_snr_gamma=5 --sigmoid_scale_of_tomorrow 2", "max_token_length": "225",
    "pretrained_model_name_or_path": "/models/base.safetensors", "wandb_api_key": "secret",
}  # fmt: skip
SUBSETS = '[[subsets]]\nimage_dir = "5_cat"\nnum_repeats = 5\n[general_args.args]\nseed = 3\n[saving_args.args]\n' \
          'output_name = "cat"\n'


def saved(tmp_path: Path, name: str, text: str) -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_an_opened_file_gives_settings_report_and_what_is_kept(tmp_path: Path) -> None:
    opened = open_foreign(saved(tmp_path, "a.json", json.dumps(PRESET)))
    assert opened.settings.network.network_dim == 8
    assert opened.report.program == "kohya_ss"
    assert opened.kept.values["future_field"] == [1, 2]


def test_content_that_lies_elsewhere_is_opened_by_its_name(tmp_path: Path) -> None:
    opened = open_foreign(tmp_path / "dropped.json", json.dumps({**PRESET, "train_data_dir": "img"}).encode())
    assert opened.settings.dataset.train_data_dir == "img"  # nobody knows where it lay


def test_a_model_on_a_hub_is_asked_for_once(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.json", json.dumps({**PRESET, "pretrained_model_name_or_path": "owner/model"}))
    assert [need.setting for need in open_foreign(path).report.needs] == ["pretrained_model_name_or_path"]
    remember("owner/model", saved(tmp_path, "here.safetensors", "x"))
    report = open_foreign(path).report
    assert report.needs == ()
    assert "pretrained_model_name_or_path" in {one.name for one in report.taken}


def test_a_trained_file_is_opened_by_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(safetensors(TRAINED, a=tensor(2)))
    opened = open_foreign(tmp_path / "a.safetensors")
    assert (opened.settings.network.conv_dim, opened.settings.dataset.resolution) == (4, "64,64")
    (tmp_path / "b.safetensors").write_bytes(safetensors(None, a=tensor(2)))
    with pytest.raises(UserError) as error:
        open_foreign(tmp_path / "b.safetensors")
    assert [found.code for found in error.value.problems] == ["import_no_metadata"]


def test_subsets_are_written_to_a_dataset_file_that_is_read_and_never_over_another(tmp_path: Path) -> None:
    opened = open_foreign(saved(tmp_path, "a.toml", SUBSETS))
    first = with_dataset_file(opened, tmp_path, "cat")
    second = with_dataset_file(opened, tmp_path, "cat")
    assert first.settings.dataset.dataset_config == str(tmp_path / "cat-dataset.toml")
    assert second.settings.dataset.dataset_config == str(tmp_path / "cat-dataset-2.toml")
    image_folder(tmp_path, "5_cat", [(64, 64)] * 2, "a cat")
    (subset,) = survey(DataSettings.of(first.settings)).subsets
    assert (len(subset.repeats), subset.samples) == (2, 10)


def test_a_preset_goes_out_as_it_came_in(tmp_path: Path) -> None:
    opened = open_foreign(saved(tmp_path, "a.json", json.dumps(PRESET)))
    written = json.loads(export_kohya_ss(opened.settings, opened.kept, opened.report.family))
    assert {name: written[name] for name in PRESET if name != "wandb_api_key"} == {
        name: value for name, value in PRESET.items() if name != "wandb_api_key"
    }
    assert list(written) == sorted(written)
    assert len(written) >= 287
    again = open_foreign(saved(tmp_path, "b.json", json.dumps(written)))
    assert again.settings == opened.settings


def test_only_what_was_changed_since_is_written_differently(tmp_path: Path) -> None:
    opened = open_foreign(saved(tmp_path, "a.json", json.dumps(PRESET)))
    network = opened.settings.network.model_copy(update={"network_dim": 12})
    changed = opened.settings.model_copy(update={"network": network})
    written = json.loads(export_kohya_ss(changed, opened.kept, opened.report.family))
    assert {name: written[name] for name in PRESET if written[name] != PRESET[name]} == {
        "network_dim": 12, "wandb_api_key": "",
    }  # fmt: skip


def test_settings_survive_sd_scripts_toml(tmp_path: Path) -> None:
    settings = open_foreign(saved(tmp_path, "a.json", json.dumps(PRESET))).settings
    again = open_foreign(saved(tmp_path, "b.toml", export_toml(settings)))
    assert again.report.not_understood == ()
    differing = {
        name: (value, again.settings.flat()[name]) for name, value in settings.flat().items()
        if again.settings.flat()[name] != value
    }
    assert differing == {"lr_warmup_steps": ("5%", "0.05")}  # the same share, as it is written there


def test_our_own_files_keep_the_foreign_fields_and_train(tmp_path: Path) -> None:
    opened = open_foreign(saved(tmp_path, "a.json", json.dumps(PRESET)))
    write_preset(tmp_path / "ours.json", opened.report.values, opened.settings.settings(), opened.kept)
    assert read_values(tmp_path / "ours.json")[0]["network_dim"] == 8
    assert open_foreign(tmp_path / "ours.json").kept == opened.kept
    write_toml(tmp_path / "ours.toml", opened.settings)
    assert read_config(tmp_path / "ours.toml").config == opened.settings
