"""Caption and augmentation settings that contradict each other or do nothing are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.files import Loaded, read_config
from train_core.config.jobs.train import TrainConfig


def wrong(**values: object) -> list[str]:
    return [found.code for found in contradictions(TrainConfig.from_flat(values))]


def odd(**values: object) -> list[str]:
    return [found.code for found in oddities(TrainConfig.from_flat(values))]


def test_augmentations_that_need_fresh_pixels_are_refused_with_cached_latents_in_one_error() -> None:
    config = TrainConfig.from_flat({"random_crop": True, "color_aug": True, "cache_latents": True})
    (found,) = contradictions(config)
    assert found.code == "augmentation_with_cached_latents"
    assert found.params["names"] == "random_crop, color_aug"
    assert wrong(random_crop=True, color_aug=True, cache_latents=False) == []
    assert wrong(flip_aug=True) == []


@pytest.mark.parametrize("text", ["4,2", "0.5,2"])
def test_a_face_range_is_from_the_smaller_to_the_larger_and_holds_the_face(text: str) -> None:
    assert wrong(face_crop_aug_range=text, cache_latents=False) == ["bad_face_range"]
    assert wrong(face_crop_aug_range="1,2.5", cache_latents=False) == []


def test_masked_loss_needs_a_folder_unless_a_dataset_file_may_name_it() -> None:
    assert wrong(masked_loss=True) == ["masked_loss_without_folder"]
    assert wrong(masked_loss=True, conditioning_data_dir="/masks") == []
    assert wrong(masked_loss=True, dataset_config="/images.toml") == []


def test_a_separator_within_another_would_cut_it() -> None:
    assert wrong(secondary_separator=";;;", caption_separator=";") == ["separator_in_separator"]
    assert wrong(keep_tokens_separator=", , ") == ["separator_in_separator"]
    assert wrong(secondary_separator=";;;", keep_tokens_separator="|||") == []


def test_what_only_matters_for_tags_that_move_is_told_when_none_does() -> None:
    assert odd(keep_tokens=1) == ["keep_tokens_without_shuffle"]
    assert odd(caption_separator=";") == ["separator_without_shuffle"]
    for moving in ({"shuffle_caption": True}, {"caption_tag_dropout_rate": 0.1}, {"token_warmup_step": 0.5}):
        assert odd(keep_tokens=1, caption_separator=";", **moving) == []


def read(tmp_path: Path, text: str) -> Loaded:
    path = tmp_path / "theirs.toml"
    path.write_text(f'pretrained_model_name_or_path = "/m"\ntrain_data_dir = "/i"\noutput_dir = "/o"\n{text}', "utf-8")
    return read_config(path)


def test_their_files_with_fresh_pixels_do_not_cache_as_there(tmp_path: Path) -> None:
    config = read(tmp_path, 'face_crop_aug_range = "2.0,4.0"\nresize_interpolation = "cubic"').config
    assert not config.dataset.cache_latents
    assert config.augmentation.resize_interpolation == "cubic"


def test_texts_on_disk_are_cached_texts_as_there(tmp_path: Path) -> None:
    dataset = read(tmp_path, "cache_text_encoder_outputs_to_disk = true\nnetwork_train_unet_only = true").config.dataset
    assert dataset.cache_text_encoder_outputs
    assert dataset.cache_text_encoder_outputs_to_disk


def test_an_option_that_is_not_followed_is_told_with_the_reason(tmp_path: Path) -> None:
    warnings = read(tmp_path, "no_token_padding = true").warnings
    (found,) = [warning for warning in warnings if warning.code == "sd_scripts_refused"]
    assert found.params["name"] == "no_token_padding"
