"""Values with full-width signs are read where their meaning is plain, and named where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.problems import Problem


def value(name: str, raw: Any) -> Any:
    parsed = parse_values(TrainConfig, {name: raw})
    assert parsed.config is not None, parsed.errors
    return parsed.config.flat()[name]


def error(name: str, raw: Any) -> Problem:
    (found,) = parse_values(TrainConfig, {name: raw}).errors
    return found


@pytest.mark.parametrize(
    ("name", "raw", "meant"),
    [
        ("learning_rate", "1e—4", 1e-4), ("learning_rate", "１ｅ－４", 1e-4), ("learning_rate", "0。001", 1e-3),
        ("network_dim", "１６", 16), ("network_dim", "　16　", 16), ("resolution", "512，768", "512,768"),
        ("resolution", "512x768", "512,768"), ("resolution", "512 × 768", "512,768"),
        ("resolution", "５１２，５１２", "512,512"), ("text_encoder_lr", "5e-5，2e－5", "5e-5,2e-5"),
        ("lr_warmup_steps", "10％", "10%"), ("lr_stages", "5e-3：12000，1e—4", "5e-3:12000,1e-4"),
        ("block_dims", "4，4", "4,4"), ("down_lr_weight", "sine＋0。2", "sine+0.2"), ("flip_aug", "ｔｒｕｅ", True),
        ("mixed_precision", "ｂｆ１６", "bf16"), ("caption_extension", "。txt", ".txt"),
        ("base_weights_multiplier", ["0。8 MIDD"], ["0.8 MIDD"]), ("resolution", ["５１２", "768"], "512,768"),
    ],
)  # fmt: skip
def test_full_width_signs_count_as_plain_ones(name: str, raw: Any, meant: Any) -> None:
    assert value(name, raw) == meant


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sample_prompts", "一个女孩，微笑。"), ("training_comment", "第一版：试"), ("output_name", "角色：小红"),
        ("caption_prefix", "红发，"), ("keep_tokens_separator", "｜｜｜"), ("caption_separator", "，"),
    ],
)
def test_free_text_stays_as_it_is(name: str, text: str) -> None:
    assert value(name, text) == text


@pytest.mark.parametrize(("name", "raw"), [("resolution", "512。768"), ("learning_rate", "—"), ("network_dim", "八，")])
def test_what_cannot_be_read_either_way_is_named_as_full_width(name: str, raw: str) -> None:
    found = error(name, raw)
    assert found.code == "full_width_signs"
    assert all(sign in found.params["signs"] for sign in raw if sign in "。—，")


@pytest.mark.parametrize(
    ("name", "raw", "meant"),
    [
        ("resolution", "１２８，", "128"), ("resolution", "512,768, ", "512,768"), ("resolution", "512 ，", "512 "),
        ("network_dim", "16,", 16), ("learning_rate", "1e-4，", 1e-4), ("mixed_precision", "bf16，", "bf16"),
    ],
)  # fmt: skip
def test_a_comma_behind_the_last_number_means_nothing(name: str, raw: Any, meant: Any) -> None:
    assert value(name, raw) == meant


@pytest.mark.parametrize("raw", ["，", ",512", "512,,", "512,,768", "512,768,1024"])
def test_other_commas_too_many_are_an_error(raw: str) -> None:
    assert error("resolution", raw).code in ("bad_format", "full_width_signs")


@pytest.mark.parametrize(
    ("raw", "last"), [("a/b", "b"), (r"C:\out\my lora", "my lora"), ("/", "lora"), ("out/v1:2", "v12"), ("a/b/", "b")]
)
def test_a_path_in_place_of_a_name_is_told_with_the_name_and_where_the_folder_goes(raw: str, last: str) -> None:
    found = error("output_name", raw)
    assert found.code == "name_is_a_path"
    assert f"output_name = {last}, and put the folder into output_dir" in found.text


def test_a_letter_that_names_cannot_have_is_named() -> None:
    found = error("output_name", "which?|one?")
    assert (found.code, found.params["letters"]) == ("name_forbidden_letters", "? |")


def test_a_name_that_no_file_may_have_is_told_as_it_was_typed() -> None:
    assert error("output_name", "a：/b").params["value"] == repr("a：/b")
