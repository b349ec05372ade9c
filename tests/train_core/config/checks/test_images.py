"""Settings of images checked against each other, alone and as a file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_core.config.checks.images import bucket_contradictions, source_contradictions
from train_core.config.files import check_values, read_config, write_toml
from train_core.config.problems import UserError
from train_core.config.sections.dataset import DatasetSettings

MODEL = {"pretrained_model_name_or_path": "/m.safetensors", "output_dir": "/out"}


@pytest.mark.parametrize("other", ["train_data_dir", "reg_data_dir", "in_json"])
def test_a_dataset_file_and_another_source_are_an_error_naming_both(other: str) -> None:
    (found,) = source_contradictions(DatasetSettings(dataset_config="/a.toml", **{other: "/b"}))
    assert found.code == "two_image_sources"
    assert "dataset_config = /a.toml" in found.text
    assert other in found.text


def test_every_source_too_many_is_named() -> None:
    dataset = DatasetSettings(dataset_config="/a.toml", train_data_dir="/b", reg_data_dir="/c", class_folders=True)
    assert {found.params["name"] for found in source_contradictions(dataset)} == {
        "train_data_dir", "reg_data_dir", "class_folders",
    }  # fmt: skip


def test_a_metadata_file_has_an_image_folder_and_regularisation_beside_it_but_no_class_folders() -> None:
    given = {"in_json": "/a.json", "train_data_dir": "/b", "reg_data_dir": "/c"}
    assert source_contradictions(DatasetSettings(**given)) == []
    (found,) = source_contradictions(DatasetSettings(**given, class_folders=True))
    assert found.params["name"] == "class_folders"


@pytest.mark.parametrize("source", ["dataset_config", "in_json", "train_data_dir"])
def test_one_source_of_images_is_enough(source: str) -> None:
    config = check_values({**MODEL, source: "/somewhere"}, "the test", {}).config
    assert getattr(config.dataset, source) == "/somewhere"


def test_without_any_source_the_image_folder_is_asked_for() -> None:
    with pytest.raises(UserError) as error:
        check_values(MODEL, "the test", {})
    assert [found.params["name"] for found in error.value.problems] == ["train_data_dir"]


def test_paths_of_sources_start_at_the_file_that_names_them(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        "config_version = 1\n[model]\npretrained_model_name_or_path = '/m.safetensors'\n[output]\noutput_dir = '/out'\n"
        "[dataset]\nin_json = 'data/meta.json'\ntrain_data_dir = 'data/img'\nreg_data_dir = '../reg'\n",
        encoding="utf-8",
    )
    dataset = read_config(path).config.dataset
    assert (dataset.in_json, dataset.train_data_dir) == (str(tmp_path / "data/meta.json"), str(tmp_path / "data/img"))
    assert dataset.reg_data_dir == str(tmp_path.parent / "reg")


def test_a_dataset_file_of_the_form_of_a_hub_id_is_a_path(tmp_path: Path) -> None:
    values = {**MODEL, "dataset_config": str(tmp_path / "data" / "images.toml")}
    write_toml(tmp_path / "job.toml", check_values(values, "the test", {}).config)
    text = (tmp_path / "job.toml").read_text("utf-8").replace(f"{tmp_path}/", "")
    (tmp_path / "job.toml").write_text(text, encoding="utf-8")
    assert read_config(tmp_path / "job.toml").config.dataset.dataset_config == values["dataset_config"]


def test_repeats_that_nothing_uses_are_warned_about() -> None:
    warnings = check_values({**MODEL, "train_data_dir": "/b", "dataset_repeats": 5}, "the test", {}).warnings
    assert [found.params["name"] for found in warnings] == ["dataset_repeats"]


@pytest.mark.parametrize(
    ("resolution", "code"), [("500", "bad_resolution"), ("99992", "bad_resolution"), ("4096", "bucket_bounds")]
)
def test_a_size_outside_its_bounds_is_told_with_its_place(resolution: str, code: str) -> None:
    dataset = DatasetSettings(resolution=resolution, bucket_no_upscale=False)
    (found,) = bucket_contradictions(dataset, "[[datasets]] 2 of x.toml")
    assert found.code == code
    assert "([[datasets]] 2 of x.toml)" in found.text
