"""The words that trigger an adapter are words that it was trained with."""

from __future__ import annotations

import json

import pytest

from train_core.facts.adapters.trigger import trigger_words

DIRS = {"1_bot": {"n_repeats": 1, "img_count": 3}}


def of(tags: object, dirs: object = DIRS, **more: str) -> str:
    return trigger_words({"ss_dataset_dirs": json.dumps(dirs), "ss_tag_frequency": json.dumps(tags), **more})


@pytest.mark.parametrize(("tags", "words"), [
    ({"1_bot": {"crux robot": 3, "red": 1, "solo": 3}}, "crux robot"),
    ({"1_bot": {"crux robot": 3, " solo": 3, "red": 2}}, "crux robot, solo"),
    ({"1_bot": {"red": 1, "crux robot": 3}}, ""),  # in every caption, but not at the beginning
    ({"1_bot": {"a robot": 1, "a red robot": 1, "robots": 1}}, ""),
    ({"1_bot": {}}, "bot"), ({}, "bot"), (3, "bot"), ({"1_bot": {"crux": "3"}}, ""),
])  # fmt: skip
def test_they_open_every_caption_and_a_folders_name_counts_where_there_is_none(tags: object, words: str):
    assert of(tags) == words


def test_what_is_stated_comes_first_and_several_folders_add_theirs():
    dirs = {**DIRS, "2_cat": {"n_repeats": 2, "img_count": 2}, "x": 1}
    tags = {"1_bot": {"crux": 3}, "2_cat": {"cat": 2, "crux": 2}}
    assert of(tags, dirs) == "crux, cat"
    assert of(tags, dirs, **{"modelspec.trigger_phrase": "zuko"}) == "zuko"
