"""What is said of a dataset: gaps, what all share, outfits under one trigger, shots, folders."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.words.coverage import Shown, Statement, coverage


def shown(*captions: str, **more: str) -> dict[int, Shown]:
    return {id: Shown(tuple(tag for tag in text.split(", ") if tag), **more) for id, text in enumerate(captions)}


def kinds(found: list[Statement]) -> dict[tuple[str, str], tuple[int, ...]]:
    return {(one.kind, one.what): one.pictures for one in found}


def test_five_of_six_smile_and_none_is_from_behind():
    pictures = shown(*["zuko, smile, from side"] * 4, "zuko, grin, from above", "zuko, from below, full body, portrait")
    found = kinds(coverage(pictures, {}))
    assert found["most", "smile"] == (0, 1, 2, 3, 4)
    assert found["none", "behind"] == ()
    assert not {("none", "side"), ("none", "above"), ("most", "viewer")} & set(found)


def test_little_of_many_is_few():
    pictures = shown(*["zuko, hat"] * 40, "zuko, from behind")
    assert kinds(coverage(pictures, {}))["few", "behind"] == (40,)


def test_the_same_background_is_named_by_its_exact_tag():
    pictures = shown(*["zuko, simple background, white background"] * 9, "zuko, outdoors")
    assert kinds(coverage(pictures, {}))["background", "white background"] == tuple(range(9))


def test_different_outfits_under_one_trigger_are_told_and_those_with_triggers_of_their_own_are_not():
    captions = ["serafuku"] * 4 + ["bikini"] * 3 + ["school uniform", "kimono", "hat"]
    (found,) = [one for one in coverage(shown(*(f"zuko, {one}" for one in captions)), {}) if one.kind == "outfits"]
    assert found.what == "zuko" and found.parts == (("school uniform", (0, 1, 2, 3, 7)), ("swimsuit", (4, 5, 6)))
    own = shown(*(f"zuko {one}, {one}" for one in captions))
    assert not [one for one in coverage(own, {}) if one.kind == "outfits"]


def test_shots_are_held_against_their_targets_as_marked_or_by_tags():
    marked = {id: Shown(("x",), shot="portrait" if id < 3 else "full body") for id in range(9)}
    found = coverage(marked, {"portrait": 5, "full body": 5, "poses": 2})
    assert {one.what: (one.pictures, one.all) for one in found if one.kind == "shot"} == {
        "portrait": ((0, 1, 2), 5), "poses": ((), 2),
    }  # fmt: skip
    tagged = shown("x, portrait", "x, full body")
    assert [one.what for one in coverage(tagged, {"portrait": 5, "full body": 1, "poses": 9})] == ["portrait"]
    assert coverage(shown("x", "y"), {"portrait": 5}) == []


def test_a_large_folder_look_alikes_and_missing_captions_are_told():
    pictures = {id: Shown((), folder="big" if id < 9 else "small", alike=id < 4) for id in range(12)}
    found = {one.kind: one for one in coverage(pictures, {})}
    assert found["folder"].what == "big" and [len(ids) for _, ids in found["folder"].parts] == [9, 3]
    assert found["alike"].pictures == (0, 1, 2, 3)
    assert found["uncaptioned"].all == 12 and set(found) == {"folder", "alike", "uncaptioned"}


@pytest.mark.parametrize("pictures", [{}, shown("a")])
def test_of_nothing_nothing_is_said(pictures: dict[int, Shown]):
    assert coverage(pictures, {}) == []


TAGS = st.sampled_from(["smile", "from behind", "kimono", "suit", "a background", "zuko"])


@given(st.lists(st.lists(TAGS, max_size=4)))
def test_statements_are_about_the_pictures_there_are(captions: list[list[str]]):
    pictures = {id: Shown(tuple(tags)) for id, tags in enumerate(captions)}
    for one in coverage(pictures, {"smile": 3}):
        assert set(one.pictures) <= set(pictures) and len(one.pictures) <= max(one.all, len(pictures))
