"""Dataset files: which level holds, where paths start, and everything wrong told at once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures import image_folder
from train_core.config.files import check_values
from train_core.config.image_settings import DataSettings
from train_core.config.sections.captions import CaptionSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.tables import dump_tables
from train_core.facts.datasets.dataset_files import DatasetFile, Description, read_dataset_file
from train_core.facts.datasets.holdout import in_folder, validation_problems
from train_core.facts.datasets.subsets import survey

BASE = DataSettings(DatasetSettings(resolution="512", dataset_repeats=3), CaptionSettings(keep_tokens=9))
SUBSET = {"image_dir": "images"}
TRAINED = {"pretrained_model_name_or_path": "/m.safetensors", "output_dir": "/out"}


def read(folder: Path, *datasets: dict[str, Any], general: dict[str, Any] | None = None) -> DatasetFile:
    path = folder / "images.toml"
    path.write_text(dump_tables({"general": general or {}, "datasets": list(datasets)}), encoding="utf-8")
    return read_dataset_file(path, BASE)


def only_subset(file: DatasetFile) -> Description:
    assert file.problems == ()
    (subset,) = file.subsets
    return subset


def codes(file: DatasetFile) -> list[str]:
    return [found.code for found in file.problems]


levels = st.fixed_dictionaries({}, optional={name: st.integers(0, 200) for name in ("general", "dataset", "subset")})


@given(keep_tokens=levels, repeats=levels, shuffle=levels)
def test_a_value_set_at_the_lowest_level_wins(
    tmp_path_factory: pytest.TempPathFactory,
    keep_tokens: dict[str, int],
    repeats: dict[str, int],
    shuffle: dict[str, int],
) -> None:
    tables: dict[str, dict[str, Any]] = {"general": {}, "dataset": {}, "subset": dict(SUBSET)}
    for level, table in tables.items():
        if level in keep_tokens:
            table["keep_tokens"] = keep_tokens[level]
        if level in repeats:
            table["num_repeats"] = repeats[level] + 1
        if level in shuffle:
            table["shuffle_caption"] = shuffle[level] % 2 == 1

    def lowest(given_at: dict[str, int], otherwise: int) -> int:
        return next((given_at[level] for level in ("subset", "dataset", "general") if level in given_at), otherwise)

    dataset = {**tables["dataset"], "subsets": [tables["subset"]]}
    subset = only_subset(read(tmp_path_factory.mktemp("file"), dataset, general=tables["general"]))
    assert subset.settings.captions.keep_tokens == lowest(keep_tokens, 9)
    assert subset.repeats == lowest(repeats, 3 - 1) + 1
    assert subset.settings.captions.shuffle_caption == (lowest(shuffle, 0) % 2 == 1)


def test_false_zero_and_empty_text_are_values_and_null_is_none(tmp_path: Path) -> None:
    general = {"shuffle_caption": True, "keep_tokens": 5, "caption_prefix": "a ", "flip_aug": True}
    own = {**SUBSET, "shuffle_caption": False, "keep_tokens": 0, "caption_prefix": "", "flip_aug": None}
    path = tmp_path / "images.json"
    path.write_text(json.dumps({"general": general, "datasets": [{"subsets": [own]}]}), encoding="utf-8")
    settings = only_subset(read_dataset_file(path, BASE)).settings
    captions = settings.captions
    assert (captions.shuffle_caption, captions.keep_tokens, captions.caption_prefix) == (False, 0, "")
    assert settings.augmentation.flip_aug is True
    path.write_text(json.dumps({"general": None, "datasets": [{"subsets": [SUBSET]}]}), encoding="utf-8")
    assert only_subset(read_dataset_file(path, BASE)).settings == BASE


def test_several_datasets_have_sizes_and_batches_of_their_own(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        {"resolution": 768, "batch_size": 2, "subsets": [SUBSET]},
        {"resolution": [1024, 768], "enable_bucket": False, "subsets": [SUBSET, {"image_dir": "b"}]},
        {"subsets": [SUBSET]},
    )
    assert file.problems == ()
    assert [(s.dataset, s.settings.dataset.resolution, s.batch_size) for s in file.subsets] == [
        (0, "768", 2), (1, "1024,768", 0), (1, "1024,768", 0), (2, "512", 0),
    ]  # fmt: skip
    assert [s.settings.dataset.enable_bucket for s in file.subsets] == [True, False, False, True]


@pytest.mark.parametrize("key", ["image_dir", "metadata_file", "conditioning_data_dir"])
def test_relative_paths_start_at_the_files_folder(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for text, expected in (
        ("a/b", tmp_path / "a" / "b"), ("../b", tmp_path.parent / "b"), (str(tmp_path / "c"), tmp_path / "c"),
        ("~/d", tmp_path / "home" / "d"),
    ):  # fmt: skip
        own = {key: text} if key != "conditioning_data_dir" else {**SUBSET, key: text}
        subset = only_subset(read(tmp_path, {"subsets": [own]}))
        found = {
            "image_dir": subset.image_dir, "metadata_file": subset.metadata_file,
            "conditioning_data_dir": Path(subset.settings.augmentation.conditioning_data_dir),
        }  # fmt: skip
        assert found[key] == expected


def test_everything_wrong_is_told_at_once_with_file_place_and_nearest_name(tmp_path: Path) -> None:
    file = read(
        tmp_path,
        {"resolutoin": 512, "subsets": [{**SUBSET, "num_repeats": "often", "shufle_caption": True}]},
        {"bucket_reso_steps": 12, "zzz": 1, "image_dir": "x", "subsets": [{"is_reg": False}]},
        general={"shuffle_caption": "perhaps", "network_dim": 8, "is_reg": True},
    )
    said = {(found.code, found.params.get("place"), found.params.get("source")) for found in file.problems}
    path = tmp_path / "images.toml"
    assert said == {
        ("wrong_type", None, f"[general] of {path}"),
        ("dataset_key_elsewhere", "[general]", None),
        ("dataset_key_level", "[general]", None),
        ("dataset_key_unknown_near", "[[datasets]] 1", None),
        ("wrong_type", None, f"[[datasets]] 1, subset 1 of {path}"),
        ("dataset_key_unknown_near", "[[datasets]] 1, subset 1", None),
        ("out_of_bounds", None, f"[[datasets]] 2 of {path}"),
        ("dataset_key_unknown", "[[datasets]] 2", None),
        ("dataset_key_level", "[[datasets]] 2", None),
        ("dataset_subset_without_images", "[[datasets]] 2, subset 1", None),
    }
    assert {found.params["nearest"] for found in file.problems if "nearest" in found.params} == {
        "resolution", "shuffle_caption",
    }  # fmt: skip
    assert all(str(path) in found.text for found in file.problems)


def test_an_alpha_mask_may_be_asked_for_at_every_level(tmp_path: Path) -> None:
    for general, dataset, subset in ((True, None, None), (None, True, None), (None, None, True), (False, False, True)):
        tables = [{} if value is None else {"alpha_mask": value} for value in (general, dataset, subset)]
        file = read(tmp_path, {**tables[1], "subsets": [{**SUBSET, **tables[2]}]}, general=tables[0])
        assert only_subset(file).settings.augmentation.alpha_mask is True


@pytest.mark.parametrize("place", ["general", "dataset", "subset"])
def test_a_split_is_a_setting_of_the_run_whatever_the_level(tmp_path: Path, place: str) -> None:
    wish = {"validation_split": 0.3}
    tables = {name: wish if name == place else {} for name in ("general", "dataset", "subset")}
    dataset = {**tables["dataset"], "subsets": [SUBSET | tables["subset"]]}
    assert codes(read(tmp_path, dataset, general=tables["general"])) == ["dataset_key_elsewhere"]
    assert check_values({**TRAINED, "dataset_config": "/images.toml", **wish}, "a test", {})  # as advised


def test_a_subset_kept_for_validation_is_answered_with_its_folder(tmp_path: Path) -> None:
    image_folder(tmp_path, "train", [(64, 64)], "a dog")
    image_folder(tmp_path, "held", [(128, 64), (64, 128)], "a cat")
    held = {"image_dir": "held", "validation_split": 1.0}
    (found,) = read(tmp_path, {"subsets": [{"image_dir": "train"}, held]}).problems
    assert found.code == "dataset_validation_subset"
    read(tmp_path, {"subsets": [{"image_dir": "train"}]})
    values = {
        **TRAINED, "dataset_config": str(tmp_path / "images.toml"), "validation_data_dir": found.params["folder"],
    }
    config = check_values(values, "a test", {}).config
    assert validation_problems(config, survey(DataSettings.of(config)).subsets) == ()  # what it advises is accepted


def test_a_numbered_folder_kept_for_validation_needs_one_around_it(tmp_path: Path) -> None:
    held = {"image_dir": "5_held", "validation_split": 1}
    assert codes(read(tmp_path, {"subsets": [SUBSET, held]})) == ["dataset_validation_numbered_subset"]


@pytest.mark.parametrize("names", [("held", "other"), ("5_held", "other"), ("5_held", "2_other")])
def test_several_subsets_kept_for_validation_get_one_advice_that_can_be_followed(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    image_folder(tmp_path, "train", [(64, 64)], "a dog")
    for number, name in enumerate(names):
        image_folder(tmp_path, name, [(128 + 64 * number, 64), (64, 128 + 64 * number)], "a cat")
    held = [{"image_dir": name, "validation_split": 1} for name in names]
    (found,) = read(tmp_path, {"subsets": [held[0], {"image_dir": "train"}, held[1]]}).problems
    assert found.code == "dataset_validation_subsets"
    assert all(str(tmp_path / name) in found.text for name in names)
    assert "subset 1 and " in found.text and "subset 3" in found.text
    together = tmp_path / "validation"
    together.mkdir()
    for name in names:
        (tmp_path / name).rename(together / name)
    read(tmp_path, {"subsets": [{"image_dir": "train"}]})
    values = {**TRAINED, "dataset_config": str(tmp_path / "images.toml"), "validation_data_dir": str(together)}
    config = check_values(values, "a test", {}).config
    assert validation_problems(config, survey(DataSettings.of(config)).subsets) == ()
    assert sum(len(one.folder.images) for one in survey(in_folder(DataSettings.of(config), str(together))).subsets) == 4


def test_more_than_can_be_kept_is_not_sent_to_a_setting_that_refuses_it(tmp_path: Path) -> None:
    (found,) = read(tmp_path, {"subsets": [SUBSET]}, general={"validation_split": 1.0}).problems
    assert found.code == "dataset_validation_too_much"
    assert "0.5" in found.text and "validation_data_dir" in found.text


def test_a_key_that_nothing_follows_is_refused_at_once_at_a_wrong_level(tmp_path: Path) -> None:
    assert codes(read(tmp_path, {"subsets": [{**SUBSET, "network_multiplier": 0.5}]})) == ["dataset_key_not_yet"]


@pytest.mark.parametrize(("key", "name"), [
    ("train_data_dir", "image_dir"), ("reg_data_dir", "is_reg"), ("in_json", "metadata_file"),
    ("train_batch_size", "batch_size"), ("dataset_repeats", "num_repeats"),
])
def test_a_setting_that_has_another_name_in_dataset_files_is_told_by_it(tmp_path: Path, key: str, name: str) -> None:
    (found,) = read(tmp_path, {"subsets": [{**SUBSET, key: 2}]}).problems
    assert found.code == "dataset_key_called"
    assert name in found.text


def test_paths_of_another_system_and_pasted_ones_are_seen_for_what_they_are(tmp_path: Path) -> None:
    subset = only_subset(read(tmp_path, {"subsets": [{"image_dir": ' "images" '}]}))
    assert subset.image_dir == tmp_path / "images"
    if os.name != "nt":
        assert codes(read(tmp_path, {"subsets": [{"image_dir": "F:\\images"}]})) == ["path_of_another_system"]


@pytest.mark.parametrize(
    ("key", "value", "neutral"),
    [
        ("network_multiplier", 0.5, 1.0),
        ("custom_attributes", {"of_another_trainer": True}, {}),
        ("validation_split", 0.1, 0.0),
    ],
)
def test_what_cannot_be_done_is_refused_unless_it_asks_for_nothing(
    tmp_path: Path, key: str, value: object, neutral: object
) -> None:
    (refused,) = codes(read(tmp_path, {key: value, "subsets": [SUBSET]}))
    assert refused in ("dataset_key_not_yet", "dataset_key_elsewhere")
    assert codes(read(tmp_path, {key: neutral, "cache_info": True, "subsets": [SUBSET]})) == []


def test_folders_and_metadata_do_not_mix_in_one_dataset(tmp_path: Path) -> None:
    metadata = {"metadata_file": "m.json", "is_reg": True, "class_tokens": "dog"}
    file = read(tmp_path, {"subsets": [SUBSET, metadata]}, {"subsets": [{"metadata_file": "m.json"}]})
    assert codes(file) == ["dataset_key_for_folders", "dataset_key_for_folders", "dataset_mixed"]


def test_regularisation_images_need_training_images_in_their_dataset(tmp_path: Path) -> None:
    file = read(tmp_path, {"subsets": [SUBSET]}, {"subsets": [{"image_dir": "reg", "is_reg": True}]})
    assert codes(file) == ["dataset_only_regularisation"]


def test_one_folder_stands_once_in_a_dataset_and_again_in_another(tmp_path: Path) -> None:
    assert codes(read(tmp_path, {"subsets": [SUBSET]}, {"resolution": 256, "subsets": [SUBSET]})) == []
    (found,) = read(tmp_path, {"subsets": [SUBSET, {"image_dir": "other"}, SUBSET]}).problems
    assert found.code == "dataset_subset_twice"
    assert (found.params["place"], found.params["first"]) == ("[[datasets]] 1, subset 3", "[[datasets]] 1, subset 1")


def test_sizes_that_fit_no_bucket_are_told_with_their_place(tmp_path: Path) -> None:
    (found,) = read(tmp_path, {"resolution": 500, "subsets": [SUBSET]}).problems
    assert found.code == "bad_resolution"
    assert "[[datasets]] 1 of" in found.text


def test_a_value_that_another_one_makes_useless_is_warned_about(tmp_path: Path) -> None:
    file = read(tmp_path, {"enable_bucket": False, "min_bucket_reso": 128, "subsets": [SUBSET]})
    assert file.problems == ()
    (warning,) = file.warnings
    assert (warning.code, warning.params["name"]) == ("not_applicable", "min_bucket_reso")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "dataset_tables_missing"),
        ("[datasets]\nresolution = 512", "dataset_tables_missing"),
        ("[[datasets]]\nresolution = 512", "dataset_tables_missing"),
        ("[[datasets]]\nsubsets = [1]", "dataset_tables_missing"),
        ("[[subsets]]\nimage_dir = 'a'\n[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'a'", "dataset_table_unknown"),
        ("general = 1\n[[datasets]]\n[[datasets.subsets]]\nimage_dir = 'a'", "dataset_table_unknown"),
        ("image_dir = [", "config_unreadable"),
    ],
)
def test_a_file_of_another_shape_is_told_what_is_expected(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "images.toml"
    path.write_text(text, encoding="utf-8")
    assert codes(read_dataset_file(path, BASE)) == [code]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (found,) = read_dataset_file(tmp_path / "none.toml", BASE).problems
    assert found.code == "config_not_found"


def test_preservation_is_a_custom_attribute_there_and_for_regularisation_images_only(tmp_path: Path) -> None:
    wanted = {"custom_attributes": {"diff_output_preservation": True}}
    file = read(tmp_path, {"subsets": [SUBSET, {"image_dir": "reg", "is_reg": True, **wanted}]})
    assert [subset.settings.dataset.diff_output_preservation for subset in file.subsets] == [False, True]
    assert codes(file) == []
    assert codes(read(tmp_path, {"subsets": [SUBSET | wanted]})) == ["preservation_of_training_images"]
    other = {"custom_attributes": {"diff_output_preservation": True, "something": 1}, "is_reg": True}
    assert codes(read(tmp_path, {"subsets": [SUBSET, {"image_dir": "reg", **other}]})) == ["dataset_key_not_yet"]
