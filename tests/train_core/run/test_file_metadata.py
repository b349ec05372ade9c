"""Metadata: the keys, formats and values that readers of the ecosystem look for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from train_core.config.jobs.train import TrainConfig
from train_core.kinds import Names
from train_core.networks.files.hashes import FileHashes
from train_core.networks.files.network_metadata import network_metadata
from train_core.run.file_metadata import BaseFacts, DataFacts, RunFacts, training_metadata

BASE = BaseFacts(
    Path("/models/a model.safetensors"), FileHashes("cafe0123", "f" * 64), Names("sd_v1", "stable-diffusion-v1")
)
DATA = DataFacts(
    images=30, batches_per_epoch=15, folders={"10_犬 dog": {"n_repeats": 10, "img_count": 3}},
    tags={"10_犬 dog": {"a dog": 3}}, buckets={"buckets": {"0": {"resolution": [512, 448], "count": 30}}},
)  # fmt: skip
RUN = RunFacts(
    session_id=7, output_name="lora", started_at=1000.5, finished_at=2000.5, steps=40, epoch=3, total_steps=150,
    total_epochs=10, optimizer="torch.optim.adamw.AdamW(weight_decay=0.01)",
)  # fmt: skip


def metadata(base=BASE, **values):
    config = TrainConfig.from_flat({"resolution": "512,448", **values})
    return training_metadata(config, base, DATA, RUN, network_metadata(config), "lora")


def test_every_value_is_a_string():
    assert all(isinstance(value, str) for value in metadata(metadata_depth="full").values())


def test_all_keys_of_the_ecosystem_are_there():
    found = metadata(conv_dim=4)
    ours = {name for name in found if name.startswith("ss_")}
    # The 88 of sd-scripts, less a dataset file's and a VAE's, which appear only with one.
    assert len(ours) == 88 - len({"ss_datasets", "ss_vae_name", "ss_vae_hash", "ss_new_vae_hash"})
    assert ours >= {"ss_sd_model_hash", "ss_new_sd_model_hash", "ss_network_args", "ss_tag_frequency", "ss_bucket_info"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ss_network_module", "networks.lora"), ("ss_network_dim", "32"), ("ss_network_alpha", "16.0"),
        ("ss_network_dropout", "None"), ("ss_base_model_version", "sd_v1"), ("ss_v2", "False"),
        ("ss_sd_model_name", "a model.safetensors"), ("ss_sd_model_hash", "cafe0123"),
        ("ss_new_sd_model_hash", "f" * 64), ("ss_unet_lr", "None"), ("ss_resolution", "(512, 448)"),
        ("ss_noise_offset", "None"), ("ss_min_snr_gamma", "None"), ("ss_max_token_length", "None"),
        ("ss_training_comment", "None"), ("ss_flip_aug", "False"), ("ss_num_train_images", "30"),
        ("ss_num_batches_per_epoch", "15"), ("ss_steps", "40"), ("ss_epoch", "3"), ("ss_num_epochs", "10"),
        ("ss_max_train_steps", "150"), ("ss_training_started_at", "1000.5"), ("ss_optimizer", RUN.optimizer),
        ("modelspec.sai_model_spec", "1.0.1"), ("modelspec.architecture", "stable-diffusion-v1/lora"),
        ("modelspec.implementation", "diffusers"), ("modelspec.title", "lora"), ("modelspec.resolution", "512x448"),
        ("modelspec.prediction_type", "epsilon"),
    ],
)  # fmt: skip
def test_values_have_the_written_form_of_the_ecosystem(name, value):
    assert metadata()[name] == value


def test_settings_reach_their_keys():
    found = metadata(noise_offset=0.05, min_snr_gamma=5, max_token_length=225, lr_warmup_steps="10%", seed=3)
    assert (found["ss_noise_offset"], found["ss_min_snr_gamma"], found["ss_max_token_length"]) == ("0.05", "5.0", "225")
    assert (found["ss_lr_warmup_steps"], found["ss_seed"]) == ("15", "3")


def test_json_values_are_json():
    found = metadata()
    assert json.loads(found["ss_dataset_dirs"]) == DATA.folders
    assert json.loads(found["ss_tag_frequency"]) == DATA.tags
    assert json.loads(found["ss_bucket_info"]) == DATA.buckets


def test_network_args_are_there_only_if_given():
    assert "ss_network_args" not in metadata()
    arguments = json.loads(metadata(conv_dim=8, rank_dropout=0.1, network_dropout=0.2)["ss_network_args"])
    assert arguments == {"conv_dim": "8", "conv_alpha": "1.0", "rank_dropout": "0.1", "dropout": 0.2}
    assert json.loads(metadata(loraplus_lr_ratio=16.0, up_lr_weight="sine")["ss_network_args"]) == {
        "loraplus_lr_ratio": "16.0", "up_lr_weight": "sine", "dropout": None,
    }  # fmt: skip


def test_the_base_models_own_names_are_written():
    names = Names("sdxl_base_v1-0", "stable-diffusion-xl-v1-base", "https://github.com/Stability-AI/generative-models")
    found = metadata(BaseFacts(BASE.path, BASE.hashes, names))
    assert (found["ss_base_model_version"], found["ss_v2"]) == ("sdxl_base_v1-0", "False")
    assert found["modelspec.architecture"] == "stable-diffusion-xl-v1-base/lora"
    assert found["modelspec.implementation"] == names.implementation


def test_velocity_models_of_sd2_are_named():
    names = Names("sd_v2_v", "stable-diffusion-v2-768-v", v2=True)
    found = metadata(BaseFacts(BASE.path, BASE.hashes, names, "v_prediction"))
    assert (found["ss_base_model_version"], found["ss_v2"]) == ("sd_v2_v", "True")
    assert found["modelspec.prediction_type"] == "v"


@pytest.mark.parametrize(
    ("setting", "written"),
    [("", "None"), ("5e-5", "5e-05"), ("5e-5,2e-5", "[5e-05, 2e-05]"), ("0, 1e-4", "[0.0, 0.0001]")],
)
def test_the_rates_of_both_text_encoders_are_written(setting, written):
    assert metadata(text_encoder_lr=setting)["ss_text_encoder_lr"] == written


def test_another_vae_is_named():
    own = {"vae": Path("v.safetensors"), "vae_hashes": FileHashes("1", "2")}
    found = metadata(BaseFacts(BASE.path, BASE.hashes, BASE.names, **own))
    assert (found["ss_vae_name"], found["ss_vae_hash"], found["ss_new_vae_hash"]) == ("v.safetensors", "1", "2")


def test_date_is_iso_without_zone():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", metadata()["modelspec.date"])


def test_authorship_is_written_where_given():
    found = metadata(metadata_title="Mine", metadata_author="A. Author", metadata_tags="a, b")
    assert (found["modelspec.title"], found["modelspec.author"], found["modelspec.tags"]) == (
        "Mine",
        "A. Author",
        "a, b",
    )
    assert "modelspec.license" not in found


def test_no_metadata_keeps_what_loaders_need():
    found = metadata(metadata_depth="minimal", conv_dim=8)
    assert {name for name in found if not name.startswith("modelspec.")} == {
        "ss_v2", "ss_base_model_version", "ss_network_module", "ss_network_dim", "ss_network_alpha", "ss_network_args",
    }  # fmt: skip


def test_with_buckets_off_the_limits_of_buckets_are_none_as_in_sd_scripts():
    found = metadata(enable_bucket=False)
    names = ("ss_enable_bucket", "ss_bucket_no_upscale", "ss_min_bucket_reso", "ss_max_bucket_reso")
    assert [found[name] for name in names] == ["False", "False", "None", "None"]
